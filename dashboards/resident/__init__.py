"""What a resident sees: balance, deposits, and why each is worth what it is."""
