"""What is wrong with devices, from when to when."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OPEN = sa.text("resolved_s IS NULL")


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("opened_s", sa.BigInteger(), nullable=False),
        sa.Column("opened_value", sa.BigInteger(), nullable=False),
        sa.Column("resolved_s", sa.BigInteger(), nullable=True),
        sa.Column("resolved_value", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "ledger_id", "device", "rule", "opened_s", name=op.f("pk_alert")
        ),
    )
    op.create_index(
        "uq_alert_open",
        "alert",
        ["ledger_id", "device", "rule"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
