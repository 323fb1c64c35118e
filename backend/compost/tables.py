"""Heaps that ripen, orders that wait, and what was taken back: added to, never edited."""

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from backend.columns import by, metadata, number, of, text, town_column

# The cooperative's own figures, from a moment on: see `compost.rules`.
compost_rule = Table(
    "compost_rule",
    metadata,
    town_column(),
    text("name", 20),
    number("from_s"),
    number("value"),
    by("decided_by"),
    PrimaryKeyConstraint("ledger_id", "name", "from_s"),
)

compost_heap = Table(
    "compost_heap",
    metadata,
    town_column(),
    number("id"),
    number("product_id"),
    number("started_s"),
    number("maturity_days"),
    text("note", 200),
    by("started_by"),
    PrimaryKeyConstraint("ledger_id", "id"),
    CheckConstraint("maturity_days BETWEEN 60 AND 180", name="maturity_days"),
    of("product_id", "product"),
)

# What went into a heap; `source` says where it came from, a ticket or a bin.
compost_input = Table(
    "compost_input",
    metadata,
    town_column(),
    number("heap_id"),
    number("number"),
    text("material", 40),
    number("grams"),
    text("source", 120),
    by("added_by"),
    number("added_s"),
    PrimaryKeyConstraint("ledger_id", "heap_id", "number"),
    CheckConstraint("grams > 0", name="grams"),
    of("heap_id", "compost_heap"),
)

# Ripe compost that was weighed out of a heap; written by the poster as it came into stock.
compost_yield = Table(
    "compost_yield",
    metadata,
    town_column(),
    number("group_id"),
    number("heap_id"),
    number("number"),
    number("grams"),
    PrimaryKeyConstraint("ledger_id", "group_id"),
    UniqueConstraint("ledger_id", "heap_id", "number"),
    of("heap_id", "compost_heap"),
)

# An order's number is its group's, which is the hold on the credit; written by the poster.
compost_order = Table(
    "compost_order",
    metadata,
    town_column(),
    number("group_id"),
    number("product_id"),
    number("person_id"),
    number("grams"),
    number("amount"),
    number("amount_per_kg"),
    by("ordered_by"),
    number("ordered_s"),
    number("expires_s"),
    PrimaryKeyConstraint("ledger_id", "group_id"),
    CheckConstraint("grams > 0 AND amount > 0", name="amounts"),
    of("product_id", "product"),
)

# Stock that was reserved for an order, once; the group is the hold on the stock.
compost_allotment = Table(
    "compost_allotment",
    metadata,
    town_column(),
    number("order_id"),
    number("group_id"),
    number("allotted_s"),
    PrimaryKeyConstraint("ledger_id", "order_id"),
    of("order_id", "compost_order", "group_id"),
)

# How an order ended, once, unless its time ran out.
compost_order_end = Table(
    "compost_order_end",
    metadata,
    town_column(),
    number("order_id"),
    number("group_id"),
    text("outcome", 12),
    by("ended_by"),
    number("ended_s"),
    PrimaryKeyConstraint("ledger_id", "order_id"),
    CheckConstraint("outcome IN ('handed_over', 'cancelled')", name="outcome"),
    of("order_id", "compost_order", "group_id"),
)

# Who was served without an order; refused while somebody waits: see `compost.guards`.
compost_walk_in = Table(
    "compost_walk_in",
    metadata,
    town_column(),
    number("group_id"),
    number("product_id"),
    number("at_s"),
    PrimaryKeyConstraint("ledger_id", "group_id"),
    Index(None, "ledger_id", "product_id", "group_id"),
    of("product_id", "product"),
)

# A heap that failed, once: what was weighed as it was taken away, and why.
compost_discard = Table(
    "compost_discard",
    metadata,
    town_column(),
    number("heap_id"),
    number("grams"),
    text("reason", 200),
    by("discarded_by"),
    number("discarded_s"),
    PrimaryKeyConstraint("ledger_id", "heap_id"),
    CheckConstraint("grams >= 0", name="grams"),
    of("heap_id", "compost_heap"),
)

# A hand-over that was taken back within its window, once; the group corrects its transfers.
redemption_void = Table(
    "redemption_void",
    metadata,
    town_column(),
    number("redemption_id"),
    number("group_id"),
    text("reason", 200),
    by("voided_by"),
    number("voided_s"),
    PrimaryKeyConstraint("ledger_id", "redemption_id"),
    of("redemption_id", "redemption", "group_id"),
)

APPEND_ONLY = (
    "compost_rule",
    "compost_heap",
    "compost_input",
    "compost_yield",
    "compost_order",
    "compost_allotment",
    "compost_order_end",
    "redemption_void",
    "compost_walk_in",
    "compost_discard",
)
