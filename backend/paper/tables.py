"""Slips of paper as they were entered, the second signature, and what was booked from them."""

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, Table

from backend.columns import by, metadata, number, of, text, town_column

paper_slip = Table(
    "paper_slip",
    metadata,
    town_column(),
    number("id"),
    text("kind", 12),
    number("book"),
    number("number"),
    number("person_id"),
    text("fraction", 20, nullable=True),
    number("product_id", nullable=True),
    number("gross_g"),
    number("tare_g"),
    number("e_g"),
    number("point_id", nullable=True),
    number("counter_id"),
    number("happened_s"),
    text("note", 200),
    by("entered_by"),
    number("entered_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    Index(None, "ledger_id", "book", "number"),
    CheckConstraint("kind IN ('deposit', 'redemption')", name="kind"),
    CheckConstraint("tare_g >= 0 AND gross_g > tare_g", name="weights"),
    of("person_id", "person"),
)

# The second signature, another person's: the slip is as it was entered, or it is not.
paper_signature = Table(
    "paper_signature",
    metadata,
    town_column(),
    number("slip_id"),
    text("outcome", 12),
    text("reason", 200),
    by("signed_by"),
    number("signed_s"),
    PrimaryKeyConstraint("ledger_id", "slip_id"),
    CheckConstraint("outcome IN ('confirmed', 'rejected')", name="outcome"),
    of("slip_id", "paper_slip"),
)

# A slip that was signed, cannot come into the books ever, and was rejected after all.
paper_withdrawal = Table(
    "paper_withdrawal",
    metadata,
    town_column(),
    number("slip_id"),
    text("reason", 200),
    by("withdrawn_by"),
    number("withdrawn_s"),
    PrimaryKeyConstraint("ledger_id", "slip_id"),
    of("slip_id", "paper_slip"),
)

# A redemption's slip in the books, once for ever; a deposit's is a record under its own name.
paper_booking = Table(
    "paper_booking",
    metadata,
    town_column(),
    number("book"),
    number("number"),
    number("slip_id"),
    number("group_id"),
    PrimaryKeyConstraint("ledger_id", "book", "number"),
    of("slip_id", "paper_slip"),
)

APPEND_ONLY = ("paper_slip", "paper_signature", "paper_withdrawal", "paper_booking")
