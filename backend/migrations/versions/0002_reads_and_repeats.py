"""Kept refusals, who booked what, snapshots of balances, sums per day, runs of journals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("idempotency") as table:
        table.alter_column("group_id", existing_type=sa.BigInteger(), nullable=True)
        table.add_column(sa.Column("refusal", sa.Text(), nullable=True))
        table.create_check_constraint(
            op.f("ck_idempotency_one_answer"), "(group_id IS NULL) = (refusal IS NOT NULL)"
        )
