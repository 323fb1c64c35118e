"""The town's backend: devices, people, tariffs, deposits, compost, and the ledger they stand on.

A folder per noun with the same file names in each; `backend.ledger` is the pure core and
imports nothing of the others.
"""
