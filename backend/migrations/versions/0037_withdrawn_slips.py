"""Slips that were signed before it was known that they cannot be booked, and rejected since."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paper_withdrawal",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("slip_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=False),
        sa.Column("withdrawn_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "slip_id", name=op.f("pk_paper_withdrawal")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "slip_id"],
            ["paper_slip.ledger_id", "paper_slip.id"],
            name=op.f("fk_paper_withdrawal_ledger_id_slip_id"),
        ),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("paper_withdrawal",)):
        op.execute(statement)
