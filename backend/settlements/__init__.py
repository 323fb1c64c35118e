"""Settlements: what the municipality owes the cooperative and merchants, and that it was paid."""
