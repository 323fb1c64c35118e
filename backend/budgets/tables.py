"""What stands behind the credit: avoided disposal costs as decided, and each day's coverage."""

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, Table

from backend.columns import by, metadata, number, text, town_column

# What a tonne of a sorted fraction saves the town, in minor units; a fraction without a row
# saves nothing. The newest row not after a deposit's moment is what counts for it.
disposal_cost = Table(
    "disposal_cost",
    metadata,
    town_column(),
    text("fraction", 20),
    number("from_s"),
    number("amount_per_tonne"),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "fraction", "from_s"),
    CheckConstraint("amount_per_tonne >= 0", name="amount_per_tonne"),
)

# One row a day (UTC), as housekeeping found it then; a day without a row was not looked at.
coverage_day = Table(
    "coverage_day",
    metadata,
    town_column(),
    number("day"),
    number("outstanding"),
    number("waiting"),
    number("avoided"),
    number("promised"),
    number("stock"),
    number("computed_s"),
    PrimaryKeyConstraint("ledger_id", "day"),
)

APPEND_ONLY = ("disposal_cost", "coverage_day")
