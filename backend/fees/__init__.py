"""A discount on the waste fee, paid in credit: the municipality is who is paid."""
