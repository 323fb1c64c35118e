"""What was booked at counters, and the closes of their days."""

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from backend.columns import by, metadata, number, text, town_column

# At which counter a group was booked, on which day of the town; written by the poster with it.
# `counter_id` 0 is the counter that every town has.
counter_entry = Table(
    "counter_entry",
    metadata,
    town_column(),
    number("group_id"),
    number("counter_id"),
    text("day", 10),
    PrimaryKeyConstraint("ledger_id", "group_id"),
)

# A close covers what was booked after the one before, up to the transfer `upto_id`: so nothing
# can be added to it later, and nothing falls between two.
counter_close = Table(
    "counter_close",
    metadata,
    town_column(),
    number("counter_id"),
    number("number"),
    text("day", 10),
    number("after_id"),
    number("upto_id"),
    by("closed_by"),
    number("closed_s"),
    PrimaryKeyConstraint("ledger_id", "counter_id", "number"),
    UniqueConstraint("ledger_id", "counter_id", "day"),
    CheckConstraint("after_id <= upto_id", name="span"),
)

APPEND_ONLY = ("counter_entry", "counter_close")
