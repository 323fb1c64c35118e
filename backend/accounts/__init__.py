"""Accounts: balances now and of the past, statements, and the money of the town as a whole."""
