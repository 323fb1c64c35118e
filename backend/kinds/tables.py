"""Rules of melting that somebody drafted, and who signed them; the ledger has those in force."""

from sqlalchemy import (
    CheckConstraint,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
)
from sqlalchemy import Column as _Column

from backend.columns import by, metadata, number, of, text, town_column

melt_draft = Table(
    "melt_draft",
    metadata,
    town_column(),
    number("id"),
    _Column("currency_id", SmallInteger, nullable=False),
    text("way", 9),
    _Column("days", Integer, nullable=False),
    _Column("basis_points", Integer, nullable=False),
    number("free_amount"),
    by("drafted_by"),
    number("drafted_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    of("currency_id", "currency"),
)

# Two signatures, the second in the transaction that puts the rule in force: each place once.
melt_approval = Table(
    "melt_approval",
    metadata,
    town_column(),
    number("draft_id"),
    _Column("place", SmallInteger, nullable=False),
    number("staff_id"),
    number("approved_s"),
    PrimaryKeyConstraint("ledger_id", "draft_id", "place"),
    UniqueConstraint("ledger_id", "draft_id", "staff_id"),
    CheckConstraint("place IN (1, 2)", name="place"),
    of("draft_id", "melt_draft"),
    of("staff_id", "staff"),
)

APPEND_ONLY = ("melt_draft", "melt_approval")
