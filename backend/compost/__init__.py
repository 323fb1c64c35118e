"""Compost: stock as a ledger account, prices, and the one atomic redemption."""
