"""The ledger: immutable transfers, one poster per town, balances that can be re-folded.

Money is a row (debit account, credit account, amount > 0). Everything that writes goes through
one `Poster` per ledger; everything that reads takes a connection of `backend.db.read`.
"""
