"""Weighbridge tickets, and the tolerance that a difference may have."""

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from backend.columns import by, metadata, number, text, town_column

# `point_id` None: a load from several points, as most are when they reach the facility.
load_ticket = Table(
    "load_ticket",
    metadata,
    town_column(),
    number("id"),
    text("site", 8),
    text("ticket", 40),
    text("fraction", 20),
    number("point_id", nullable=True),
    text("vehicle", 20),
    number("gross_g"),
    number("tare_g"),
    number("weighed_s"),
    by("entered_by"),
    number("entered_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "site", "ticket"),
    CheckConstraint("site IN ('truck', 'facility')", name="site"),
    CheckConstraint("tare_g >= 0 AND gross_g > tare_g", name="weights"),
)

APPEND_ONLY = ("load_ticket",)
