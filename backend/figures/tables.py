"""What was published: kept as it was, never computed again."""

from sqlalchemy import Boolean, Column, PrimaryKeyConstraint, String, Table, UniqueConstraint

from backend.columns import metadata, number, town_column

# `month` is 202611 for November 2026 in the town's own time; transfers and records that were
# booked in [from_us, until_us) are in it and in no other.
figure_release = Table(
    "figure_release",
    metadata,
    town_column(),
    number("month"),
    number("from_us"),
    number("until_us"),
    number("published_s"),
    number("k"),
    PrimaryKeyConstraint("ledger_id", "month"),
    UniqueConstraint("ledger_id", "from_us"),
)

# One row a fraction and one for all ("all"); a cell that is suppressed has no numbers.
figure_cell = Table(
    "figure_cell",
    metadata,
    town_column(),
    number("month"),
    Column("fraction", String(20), nullable=False),
    Column("suppressed", Boolean, nullable=False),
    number("kg", nullable=True),
    number("deposits", nullable=True),
    number("households", nullable=True),
    PrimaryKeyConstraint("ledger_id", "month", "fraction"),
)

APPEND_ONLY = ("figure_release", "figure_cell")
