"""Statements of what is owed, one after another for each payee, and their payments."""

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from backend.columns import by, metadata, number, text, town_column

# A statement covers the books after the one before, up to the transfer `upto_id`: nothing is in
# two of one payee's. `group_id` is a merchant's hold on it; `request` says who asked under which
# key.
settlement = Table(
    "settlement",
    metadata,
    town_column(),
    text("payee", 48),
    number("number"),
    number("after_id"),
    number("upto_id"),
    number("bookings"),
    number("amount"),
    number("group_id", nullable=True),
    text("request", 330),
    by("drawn_by"),
    number("drawn_s"),
    PrimaryKeyConstraint("ledger_id", "payee", "number"),
    UniqueConstraint("ledger_id", "request"),
    CheckConstraint("amount > 0 AND after_id < upto_id", name="amount"),
)

# Paid once, by somebody else than who drew it up; `group_id` retired a merchant's credits.
settlement_paid = Table(
    "settlement_paid",
    metadata,
    town_column(),
    text("payee", 48),
    number("number"),
    text("reference", 120),
    number("group_id", nullable=True),
    by("paid_by"),
    number("paid_s"),
    PrimaryKeyConstraint("ledger_id", "payee", "number"),
)

APPEND_ONLY = ("settlement", "settlement_paid")
