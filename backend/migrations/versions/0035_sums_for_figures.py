"""Figures are read from sums of days, so that a longer history is no more work."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _town() -> sa.Column[int]:
    return sa.Column("ledger_id", sa.Integer(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "report_sum",
        _town(),
        _number("day"),
        _text("kind", 16),
        _text("outcome", 12),
        _text("last", 12),
        _text("fraction", 20),
        *(_number(name) for name in ("point_id", "n", "net_g", "amount")),
        sa.PrimaryKeyConstraint(
            *("ledger_id", "day", "kind", "outcome", "last", "fraction", "point_id"),
            name=op.f("pk_report_sum"),
        ),
    )
    op.create_table(
        "report_run",
        _town(),
        *(_number(name) for name in ("source_id", "epoch", "first_seq", "last_seq")),
        sa.PrimaryKeyConstraint(
            "ledger_id", "source_id", "epoch", "first_seq", name=op.f("pk_report_run")
        ),
        sa.CheckConstraint("first_seq <= last_seq", name=op.f("ck_report_run_order")),
    )
    op.create_table(
        "report_upto",
        _town(),
        _number("resolved_us"),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_report_upto")),
    )
