"""What sorting saved is summed as it goes, and last words are found by when they were said."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _town() -> sa.Column[int]:
    return sa.Column("ledger_id", sa.Integer(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "avoided_sum",
        _town(),
        sa.Column("fraction", sa.String(length=20), nullable=False),
        _number("from_s"),
        _number("net_g"),
        sa.PrimaryKeyConstraint(
            "ledger_id", "fraction", "from_s", name=op.f("pk_avoided_sum")
        ),
    )  # fmt: skip
    op.create_table(
        "avoided_run",
        _town(),
        *(_number(name) for name in ("source_id", "epoch", "first_seq", "last_seq")),
        sa.PrimaryKeyConstraint(
            "ledger_id", "source_id", "epoch", "first_seq", name=op.f("pk_avoided_run")
        ),
        sa.CheckConstraint("first_seq <= last_seq", name=op.f("ck_avoided_run_order")),
    )
    op.create_table(
        "avoided_upto",
        _town(),
        _number("resolved_us"),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_avoided_upto")),
    )
    op.create_index("ix_resolution_ledger_id_recorded_us", "resolution", ["ledger_id", "recorded_us"])
