"""Merchants of the town, their accounts, what they promise to accept, what was paid at them."""

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from backend.columns import by, metadata, number, of, text, town_column

shop = Table(
    "shop",
    metadata,
    town_column(),
    number("id"),
    text("name", 120),
    text("kind", 16),
    by("registered_by"),
    number("registered_s"),
    PrimaryKeyConstraint("ledger_id", "id"),
    UniqueConstraint("ledger_id", "name"),
)

# One account for each currency that the merchant takes.
shop_account = Table(
    "shop_account",
    metadata,
    town_column(),
    number("shop_id"),
    text("currency", 16),
    number("account_id"),
    PrimaryKeyConstraint("ledger_id", "shop_id", "currency"),
    UniqueConstraint("ledger_id", "account_id"),
    of("shop_id", "shop"),
)

# What a merchant promises to accept in a period, in minor units of the credit.
shop_promise = Table(
    "shop_promise",
    metadata,
    town_column(),
    number("shop_id"),
    number("from_s"),
    number("until_s"),
    number("amount"),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "shop_id", "from_s"),
    CheckConstraint("from_s < until_s AND amount >= 0", name="period"),
    of("shop_id", "shop"),
)

# Written by the poster in the transaction of the group that paid.
shop_payment = Table(
    "shop_payment",
    metadata,
    town_column(),
    number("group_id"),
    number("shop_id"),
    number("person_id"),
    text("currency", 16),
    number("amount"),
    by("taken_by"),
    number("paid_s"),
    PrimaryKeyConstraint("ledger_id", "group_id"),
    Index(None, "ledger_id", "shop_id", "group_id"),
    CheckConstraint("amount > 0", name="amount"),
    of("shop_id", "shop"),
    of("person_id", "person"),
)

APPEND_ONLY = ("shop_account", "shop_promise", "shop_payment")
