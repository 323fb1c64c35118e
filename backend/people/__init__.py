"""People: a registry apart from the ledger; each person points at one account."""
