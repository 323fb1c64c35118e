"""Transfers: payments and corrections, one leg or several together, and looking them up."""
