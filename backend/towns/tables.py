"""What the town says of its credit, and by what its secret is known."""

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

# What tells the secret that the town was founded with from another one; see `towns.secret`.
town_secret = Table(
    "town_secret",
    metadata,
    town_column(),
    text("fingerprint", 16),
    PrimaryKeyConstraint("ledger_id"),
)

APPEND_ONLY = ("town_backing", "town_secret")
