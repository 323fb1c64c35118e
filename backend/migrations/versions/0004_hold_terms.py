"""What was agreed of each hold is kept for ever."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hold_terms",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_s", sa.BigInteger(), nullable=False),
        sa.Column("on_expiry", sa.String(length=4), nullable=False),
        sa.CheckConstraint(
            "on_expiry IN ('post', 'void')", name=op.f("ck_hold_terms_on_expiry")
        ),
        sa.PrimaryKeyConstraint("ledger_id", "transfer_id", name=op.f("pk_hold_terms")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("hold_terms",)):
        op.execute(statement)
