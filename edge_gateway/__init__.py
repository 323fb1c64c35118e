"""One process at the collection point: takes what bins send, keeps it, and carries it on."""
