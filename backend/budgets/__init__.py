"""Budgets: what a town may mint in a period."""
