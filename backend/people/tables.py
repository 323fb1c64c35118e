"""What a person has agreed to, who may act for them, and which row of a list they came from."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
)

from backend.columns import by, metadata, number, of, text, town_column

HOW = ("paper", "spoken", "online")

# Which version of the town's words, when and how; the newest is what holds.
consent = Table(
    "consent",
    metadata,
    town_column(),
    number("person_id"),
    number("given_s"),
    text("version", 32),
    text("how", 8),
    by("taken_by"),
    PrimaryKeyConstraint("ledger_id", "person_id", "given_s", "version"),
    CheckConstraint("how IN ('paper', 'spoken', 'online')", name="how"),
    of("person_id", "person"),
)

# `scopes` are words of access.scopes with blanks between them; `ended_s` None: until `until_s`.
delegation = Table(
    "delegation",
    metadata,
    town_column(),
    number("id"),
    number("holder_id"),
    number("delegate_id"),
    text("scopes", 200),
    number("from_s"),
    number("until_s", nullable=True),
    number("ended_s", nullable=True),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "id"),
    Index(None, "ledger_id", "delegate_id"),
    Index(None, "ledger_id", "holder_id"),
    CheckConstraint("holder_id <> delegate_id", name="two_people"),
    of("holder_id", "person"),
    of("delegate_id", "person"),
)

# The keyed hash of household and name in a list, so that the same list enrols nobody twice.
enrolled_row = Table(
    "enrolled_row",
    metadata,
    town_column(),
    Column("row_hash", LargeBinary(32), nullable=False),
    number("person_id"),
    PrimaryKeyConstraint("ledger_id", "row_hash"),
    of("person_id", "person"),
)

APPEND_ONLY = ("consent",)
