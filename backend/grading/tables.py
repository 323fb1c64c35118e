"""Inspections of bins and points, and the grade that each gives to what is brought from then on."""

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, Table

from backend.columns import by, metadata, number, of, text, town_column

# Of one device, of one point, or of the whole town; of one fraction, or of all.
inspection = Table(
    "inspection",
    metadata,
    town_column(),
    number("id"),
    text("device", 32, nullable=True),
    number("point_id", nullable=True),
    text("fraction", 20, nullable=True),
    text("grade", 12),
    number("from_s"),
    text("note", 200),
    by("inspected_by"),
    number("entered_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    CheckConstraint("device IS NULL OR point_id IS NULL", name="place"),
    Index(None, "ledger_id", "from_s"),
    of("point_id", "point"),
    of("device", "device"),
)

APPEND_ONLY = ("inspection",)
