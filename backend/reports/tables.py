"""Sums that figures are read from: counts, grams and credit of each day, and of all days.

It can all be made again from the records: a row for each day (UTC, of the deposit; `ALL` for all
days together), kind, fraction, point and outcome; the numbers of each journal that the rows hold;
and up to when they hold the last words. `last` is "" for what a record's outcome was at first.
"""

from sqlalchemy import CheckConstraint, Column, Index, PrimaryKeyConstraint, Table

from backend.columns import metadata, number, text, town_column
from backend.ledger.schema import Unsigned64
from backend.ledger.tables import quarantine

ALL = -1  # the day that stands for all days
KEY = ("day", "kind", "outcome", "last", "fraction", "point_id")

report_sum = Table(
    "report_sum",
    metadata,
    town_column(),
    number("day"),
    text("kind", 16),
    text("outcome", 12),
    text("last", 12),
    text("fraction", 20),  # "" and 0 where a record has none
    number("point_id"),
    number("n"),
    number("net_g"),
    number("amount"),
    PrimaryKeyConstraint("ledger_id", *KEY),
)

report_run = Table(
    "report_run",
    metadata,
    town_column(),
    number("source_id"),
    Column("epoch", Unsigned64, nullable=False),
    number("first_seq"),
    number("last_seq"),
    PrimaryKeyConstraint("ledger_id", "source_id", "epoch", "first_seq"),
    CheckConstraint("first_seq <= last_seq", name="order"),
)

report_upto = Table(
    "report_upto",
    metadata,
    town_column(),
    number("resolved_us"),
    PrimaryKeyConstraint("ledger_id"),
)

# How many records were quarantined up to a moment (recorded time); those after it are counted.
report_quarantined = Table(
    "report_quarantined",
    metadata,
    town_column(),
    number("upto_us"),
    number("n"),
    PrimaryKeyConstraint("ledger_id"),
)

Index("ix_quarantine_recorded", quarantine.c.ledger_id, quarantine.c.recorded_us)

APPEND_ONLY: tuple[str, ...] = ()
