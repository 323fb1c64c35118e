"""Tables that make long histories cheap to read: all of it can be made again from the rows.

They are written off the posting path, and a read that finds them behind sums the rest itself.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
)

from backend.ledger.schema import Unsigned64, metadata
from backend.ledger.schema import ledger_column as _ledger

# An account's counters up to and with a transfer, each time that they were folded: a balance of
# any moment is the snapshot before it and a short tail.
balance_snapshot = Table(
    "balance_snapshot",
    metadata,
    _ledger(),
    Column("account_id", BigInteger, nullable=False),
    Column("upto_id", BigInteger, nullable=False),
    Column("debits", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "account_id", "upto_id"),
    sqlite_with_rowid=False,
)

# What a currency did in a day of recorded time (UTC): transfers between holders, and the change
# of what was issued and retired. `day` counts from 1 January 1970.
day_total = Table(
    "day_total",
    metadata,
    _ledger(),
    Column("currency_id", SmallInteger, nullable=False),
    Column("day", Integer, nullable=False),
    Column("transfers", BigInteger, nullable=False),
    Column("volume", BigInteger, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("retired", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "currency_id", "day"),
)

# The last transfer that the days' sums hold.
day_total_upto = Table(
    "day_total_upto",
    metadata,
    _ledger(),
    Column("upto_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id"),
)

# Numbers of a journal that are in the books without a gap between them.
journal_run = Table(
    "journal_run",
    metadata,
    _ledger(),
    Column("source_id", Integer, nullable=False),
    Column("epoch", Unsigned64, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "source_id", "epoch", "first_seq"),
    CheckConstraint("first_seq <= last_seq", name="order"),
)
