"""What is known of a booking beside its transfers; written by the poster in their transaction."""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Table

from backend.ledger.schema import ledger_column, metadata

# Who asked for a group of transfers, written by the poster in its transaction.
booking = Table(
    "booking",
    metadata,
    ledger_column(),
    Column("group_id", BigInteger, nullable=False),
    Column("booked_by", String(64), nullable=False),
    Column("reason", String(200), nullable=False),
    PrimaryKeyConstraint("ledger_id", "group_id"),
)

# A transfer is corrected at most once, in whole or in part; the key holds it against a race.
correction = Table(
    "correction",
    metadata,
    ledger_column(),
    Column("corrects_id", BigInteger, nullable=False),
    Column("group_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("ledger_id", "corrects_id"),
)
