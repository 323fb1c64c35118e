"""Who was erased and when, by number alone: proof that it was done, and a list for restores."""

from sqlalchemy import PrimaryKeyConstraint, Table

from backend.columns import by, metadata, number, of, text, town_column

erasure = Table(
    "erasure",
    metadata,
    town_column(),
    number("person_id"),
    number("erased_s"),
    text("reason", 200),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "person_id"),
    of("person_id", "person"),
)

APPEND_ONLY = ("erasure",)
