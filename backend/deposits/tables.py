"""How long a provisional credit waits for a person, and how far those that are due were paid."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, text

from backend.columns import by, metadata, number, town_column
from backend.ledger.schema import Unsigned64
from backend.ledger.tables import record

# The newest row holds; 0 days: it waits for a person for ever.
provisional = Table(
    "provisional",
    metadata,
    town_column(),
    number("from_s"),
    number("days"),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "from_s"),
)

# Everything that was held until this moment or an earlier one has been looked at; nothing is ever
# held until a moment that is past.
provisional_upto = Table(
    "provisional_upto",
    metadata,
    town_column(),
    number("until_s"),
    PrimaryKeyConstraint("ledger_id"),
)

# What was due and could not be paid, since its account took no more; tried again each time.
provisional_stuck = Table(
    "provisional_stuck",
    metadata,
    town_column(),
    number("source_id"),
    Column("epoch", Unsigned64, nullable=False),
    number("seq"),
    number("account_id"),
    PrimaryKeyConstraint("ledger_id", "source_id", "epoch", "seq"),
)

# Few records are provisional.
Index(
    "ix_record_until",
    record.c.ledger_id,
    record.c.until_s,
    sqlite_where=text("until_s IS NOT NULL"),
    postgresql_where=text("until_s IS NOT NULL"),
)

APPEND_ONLY = ("provisional",)
