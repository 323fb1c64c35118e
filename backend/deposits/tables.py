"""How long a provisional credit waits for a person before it is paid without one."""

from sqlalchemy import PrimaryKeyConstraint, Table

from backend.columns import by, metadata, number, town_column

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

APPEND_ONLY = ("provisional",)
