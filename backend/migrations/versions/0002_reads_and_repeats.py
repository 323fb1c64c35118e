"""Kept refusals, who booked what, snapshots of balances, sums per day, runs of journals."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG, _SMALL, _INT = sa.BigInteger(), sa.SmallInteger(), sa.Integer()
_TABLES = (
    (
        "balance_snapshot",
        (("account_id", _BIG), ("upto_id", _BIG), ("debits", _BIG), ("credits", _BIG)),
        ("account_id", "upto_id"),
    ),
    (
        "day_total",
        (
            ("currency_id", _SMALL),
            ("day", _INT),
            ("transfers", _BIG),
            ("volume", _BIG),
            ("issued", _BIG),
            ("retired", _BIG),
        ),
        ("currency_id", "day"),
    ),
    ("day_total_upto", (("upto_id", _BIG),), ()),
    (
        "journal_run",
        (("source_id", _INT), ("epoch", _BIG), ("first_seq", _BIG), ("last_seq", _BIG)),
        ("source_id", "epoch", "first_seq"),
    ),
    (
        "booking",
        (("group_id", _BIG), ("booked_by", sa.String(64)), ("reason", sa.String(200))),
        ("group_id",),
    ),
    ("correction", (("corrects_id", _BIG), ("group_id", _BIG)), ("corrects_id",)),
)
_EARLIER = """
INSERT INTO balance_snapshot
SELECT ledger_id, account_id, id, debits, credits FROM (
  SELECT ledger_id, account_id, id,
    CAST(SUM(debit) OVER w AS BIGINT) AS debits, CAST(SUM(credit) OVER w AS BIGINT) AS credits,
    ROW_NUMBER() OVER w AS number
  FROM (
    SELECT ledger_id, debit AS account_id, id, amount AS debit, 0 AS credit
      FROM transfer WHERE state IN (0, 2)
    UNION ALL
    SELECT ledger_id, credit, id, 0, amount FROM transfer WHERE state IN (0, 2)
  ) AS moves
  WINDOW w AS (PARTITION BY ledger_id, account_id ORDER BY id)
) AS running
WHERE number % 256 = 0 AND NOT EXISTS (
  SELECT 1 FROM balance_snapshot s WHERE s.ledger_id = running.ledger_id
  AND s.account_id = running.account_id AND s.upto_id = running.id)
"""


def upgrade() -> None:
    with op.batch_alter_table("idempotency") as table:
        table.alter_column("group_id", existing_type=sa.BigInteger(), nullable=True)
        table.add_column(sa.Column("refusal", sa.Text(), nullable=True))
        table.create_check_constraint(
            op.f("ck_idempotency_one_answer"), "(group_id IS NULL) = (refusal IS NOT NULL)"
        )
    for name, columns, key in _TABLES:
        made = [sa.Column("ledger_id", sa.Integer(), nullable=False)]
        made += [sa.Column(column, kind, nullable=False) for column, kind in columns]
        op.create_table(
            name,
            *made,
            sa.PrimaryKeyConstraint("ledger_id", *key, name=op.f(f"pk_{name}")),
            sqlite_with_rowid=name != "balance_snapshot",
        )
    with op.batch_alter_table("journal_run") as table:
        table.create_check_constraint(op.f("ck_journal_run_order"), "first_seq <= last_seq")
    # What was folded so far is the first snapshot; within it every 256th transfer is another.
    op.execute(
        "INSERT INTO balance_snapshot SELECT ledger_id, account_id, folded_id, debits_posted, "
        "credits_posted FROM account_balance WHERE folded_id > 0"
    )
    op.execute(_EARLIER)
    for statement in append_only_ddl(op.get_bind().dialect.name, ("booking", "correction")):
        op.execute(statement)
