"""What a tonne saves the town, and what covered the credit on each day."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("coverage_day", "disposal_cost")


def upgrade() -> None:
    op.create_table(
        "coverage_day",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("outstanding", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("avoided", sa.BigInteger(), nullable=False),
        sa.Column("promised", sa.BigInteger(), nullable=False),
        sa.Column("stock", sa.BigInteger(), nullable=False),
        sa.Column("computed_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "day", name=op.f("pk_coverage_day")),
    )
    op.create_table(
        "disposal_cost",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("fraction", sa.String(length=20), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("amount_per_tonne", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint("amount_per_tonne >= 0", name=op.f("ck_disposal_cost_amount_per_tonne")),
        sa.PrimaryKeyConstraint("ledger_id", "fraction", "from_s", name=op.f("pk_disposal_cost")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(statement)
