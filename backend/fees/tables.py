"""Discounts on fee bills; written by the poster in the transaction of the group that paid."""

from sqlalchemy import CheckConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from backend.columns import by, metadata, number, of, text, town_column

# A bill is discounted once; after a void it may be again, as the next `attempt`.
fee_discount = Table(
    "fee_discount",
    metadata,
    town_column(),
    number("group_id"),
    text("bill", 64),
    number("attempt"),
    number("bill_amount"),
    number("person_id"),
    number("amount"),
    by("served_by"),
    number("redeemed_s"),
    PrimaryKeyConstraint("ledger_id", "group_id"),
    UniqueConstraint("ledger_id", "bill", "attempt"),
    CheckConstraint("amount > 0 AND amount <= bill_amount", name="amount"),
    of("person_id", "person"),
)

APPEND_ONLY = ("fee_discount",)
