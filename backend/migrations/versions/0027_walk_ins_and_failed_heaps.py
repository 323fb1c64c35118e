"""Who is served without an order, heaps that failed, and what the database refuses about them."""

import sqlalchemy as sa
from alembic import op

from backend.compost.guards import guards_ddl
from backend.ledger.append_only import append_only_ddl

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compost_walk_in",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_compost_walk_in")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "product_id"],
            ["product.ledger_id", "product.id"],
            name=op.f("fk_compost_walk_in_ledger_id_product_id"),
        ),
    )
    op.create_index(
        op.f("ix_compost_walk_in_ledger_id_product_id_group_id"),
        "compost_walk_in",
        ["ledger_id", "product_id", "group_id"],
    )
    op.create_table(
        "compost_discard",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("heap_id", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("discarded_by", sa.String(length=64), nullable=False),
        sa.Column("discarded_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "heap_id", name=op.f("pk_compost_discard")),
        sa.CheckConstraint("grams >= 0", name=op.f("ck_compost_discard_grams")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "heap_id"],
            ["compost_heap.ledger_id", "compost_heap.id"],
            name=op.f("fk_compost_discard_ledger_id_heap_id"),
        ),
    )
    dialect = op.get_bind().dialect.name
    for statement in append_only_ddl(dialect, ("compost_walk_in", "compost_discard")):
        op.execute(statement)
    for statement in guards_ddl(dialect):
        op.execute(statement)
