"""Towns: one community, one ledger."""
