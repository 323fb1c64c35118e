"""What the town says of its credit."""

from sqlalchemy import PrimaryKeyConstraint, Table

from backend.columns import by, metadata, number, text, town_column

# In a person's words; the newest row holds.
town_backing = Table(
    "town_backing",
    metadata,
    town_column(),
    number("from_s"),
    text("words", 200),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "from_s"),
)

APPEND_ONLY = ("town_backing",)
