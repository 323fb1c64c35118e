"""What stands behind the credit: avoided disposal costs as decided, and each day's coverage."""

from sqlalchemy import CheckConstraint, Column, PrimaryKeyConstraint, Table

from backend.columns import by, metadata, number, text, town_column
from backend.ledger.schema import Unsigned64

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

# Grams that the costs above count for, summed so that the whole history is a few rows. It can all
# be made again from the deposits: a row a cost, the numbers of each journal that the sums hold,
# and up to when they hold the last words on what was held.
avoided_sum = Table(
    "avoided_sum",
    metadata,
    town_column(),
    text("fraction", 20),
    number("from_s"),
    number("net_g"),
    PrimaryKeyConstraint("ledger_id", "fraction", "from_s"),
)

avoided_run = Table(
    "avoided_run",
    metadata,
    town_column(),
    number("source_id"),
    Column("epoch", Unsigned64, nullable=False),
    number("first_seq"),
    number("last_seq"),
    PrimaryKeyConstraint("ledger_id", "source_id", "epoch", "first_seq"),
    CheckConstraint("first_seq <= last_seq", name="order"),
)

avoided_upto = Table(
    "avoided_upto",
    metadata,
    town_column(),
    number("resolved_us"),
    PrimaryKeyConstraint("ledger_id"),
)

APPEND_ONLY = ("disposal_cost", "coverage_day")
