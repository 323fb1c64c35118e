"""What is due or counted is found by a key, so that a longer history is no more work."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_SOME = sa.text("until_s IS NOT NULL")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _town() -> sa.Column[int]:
    return sa.Column("ledger_id", sa.Integer(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "provisional_upto",
        _town(),
        _number("until_s"),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_provisional_upto")),
    )
    op.create_table(
        "provisional_stuck",
        _town(),
        *(_number(name) for name in ("source_id", "epoch", "seq", "account_id")),
        sa.PrimaryKeyConstraint(
            "ledger_id", "source_id", "epoch", "seq", name=op.f("pk_provisional_stuck")
        ),
    )
    op.create_index(
        "ix_record_until",
        "record",
        ["ledger_id", "until_s"],
        sqlite_where=_SOME,
        postgresql_where=_SOME,
    )
    op.create_table(
        "report_quarantined",
        _town(),
        _number("upto_us"),
        _number("n"),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_report_quarantined")),
    )
    op.create_index("ix_quarantine_recorded", "quarantine", ["ledger_id", "recorded_us"])
    op.execute(
        "INSERT INTO tally (ledger_id, name, n) "
        "SELECT ledger_id, 'refused_kept', count(*) FROM refused GROUP BY ledger_id"
    )
