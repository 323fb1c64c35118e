"""Heaps that ripen, orders that wait, counters and their closed days."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_APPEND_ONLY = (
    "compost_rule",
    "compost_heap",
    "compost_input",
    "compost_yield",
    "compost_order",
    "compost_allotment",
    "compost_order_end",
    "redemption_void",
    "counter_entry",
    "counter_close",
)


def upgrade() -> None:
    op.create_table(
        "compost_rule",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "name", "from_s", name=op.f("pk_compost_rule")),
    )
    op.create_table(
        "counter_close",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("counter_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("after_id", sa.BigInteger(), nullable=False),
        sa.Column("upto_id", sa.BigInteger(), nullable=False),
        sa.Column("closed_by", sa.String(length=64), nullable=False),
        sa.Column("closed_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("after_id <= upto_id", name=op.f("ck_counter_close_span")),
        sa.PrimaryKeyConstraint("ledger_id", "counter_id", "number", name=op.f("pk_counter_close")),
        sa.UniqueConstraint(
            "ledger_id", "counter_id", "day", name=op.f("uq_counter_close_ledger_id_counter_id_day")
        ),
    )
    op.create_table(
        "counter_entry",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("counter_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_counter_entry")),
    )
    op.create_table(
        "compost_heap",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("started_s", sa.BigInteger(), nullable=False),
        sa.Column("maturity_days", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("started_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "maturity_days BETWEEN 60 AND 180", name=op.f("ck_compost_heap_maturity_days")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "product_id"],
            ["product.ledger_id", "product.id"],
            name=op.f("fk_compost_heap_ledger_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_compost_heap")),
    )
    op.create_table(
        "compost_order",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_per_kg", sa.BigInteger(), nullable=False),
        sa.Column("ordered_by", sa.String(length=64), nullable=False),
        sa.Column("ordered_s", sa.BigInteger(), nullable=False),
        sa.Column("expires_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams > 0 AND amount > 0", name=op.f("ck_compost_order_amounts")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "product_id"],
            ["product.ledger_id", "product.id"],
            name=op.f("fk_compost_order_ledger_id_product_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_compost_order")),
    )
    op.create_table(
        "compost_allotment",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("allotted_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "order_id"],
            ["compost_order.ledger_id", "compost_order.group_id"],
            name=op.f("fk_compost_allotment_ledger_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "order_id", name=op.f("pk_compost_allotment")),
    )
    op.create_table(
        "compost_input",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("heap_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("material", sa.String(length=40), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("added_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams > 0", name=op.f("ck_compost_input_grams")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "heap_id"],
            ["compost_heap.ledger_id", "compost_heap.id"],
            name=op.f("fk_compost_input_ledger_id_heap_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "heap_id", "number", name=op.f("pk_compost_input")),
    )
    op.create_table(
        "compost_order_end",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("ended_by", sa.String(length=64), nullable=False),
        sa.Column("ended_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('handed_over', 'cancelled')", name=op.f("ck_compost_order_end_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "order_id"],
            ["compost_order.ledger_id", "compost_order.group_id"],
            name=op.f("fk_compost_order_end_ledger_id_order_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "order_id", name=op.f("pk_compost_order_end")),
    )
    op.create_table(
        "compost_yield",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("heap_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "heap_id"],
            ["compost_heap.ledger_id", "compost_heap.id"],
            name=op.f("fk_compost_yield_ledger_id_heap_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_compost_yield")),
        sa.UniqueConstraint(
            "ledger_id", "heap_id", "number", name=op.f("uq_compost_yield_ledger_id_heap_id_number")
        ),
    )
    op.create_table(
        "redemption_void",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("redemption_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("voided_by", sa.String(length=64), nullable=False),
        sa.Column("voided_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "redemption_id"],
            ["redemption.ledger_id", "redemption.group_id"],
            name=op.f("fk_redemption_void_ledger_id_redemption_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "redemption_id", name=op.f("pk_redemption_void")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(statement)
