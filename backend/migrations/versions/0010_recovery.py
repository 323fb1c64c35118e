"""After a restore: what gateways were asked for and what they have answered."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recovery",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("taken_s", sa.BigInteger(), nullable=False),
        sa.Column("began_s", sa.BigInteger(), nullable=False),
        sa.Column("ended_s", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_recovery")),
    )
    op.create_table(
        "recovery_gateway",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("recovery_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_id", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("told_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "recovery_id"], ["recovery.ledger_id", "recovery.id"],
            name=op.f("fk_recovery_gateway_ledger_id_recovery_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "gateway_id"], ["gateway.ledger_id", "gateway.id"],
            name=op.f("fk_recovery_gateway_ledger_id_gateway_id"),
        ),
        sa.PrimaryKeyConstraint(
            "ledger_id", "recovery_id", "gateway_id", name=op.f("pk_recovery_gateway")
        ),
    )
