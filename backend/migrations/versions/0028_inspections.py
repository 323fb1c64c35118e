"""Inspections: which grade what is brought has, from a moment on."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=True),
        sa.Column("point_id", sa.BigInteger(), nullable=True),
        sa.Column("fraction", sa.String(length=20), nullable=True),
        sa.Column("grade", sa.String(length=12), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("inspected_by", sa.String(length=64), nullable=False),
        sa.Column("entered_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_inspection")),
        sa.CheckConstraint(
            "device IS NULL OR point_id IS NULL", name=op.f("ck_inspection_place")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "point_id"],
            ["point.ledger_id", "point.id"],
            name=op.f("fk_inspection_ledger_id_point_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "device"],
            ["device.ledger_id", "device.id"],
            name=op.f("fk_inspection_ledger_id_device"),
        ),
    )
    op.create_index(
        op.f("ix_inspection_ledger_id_from_s"), "inspection", ["ledger_id", "from_s"]
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("inspection",)):
        op.execute(statement)
