"""The room that deposits with plain cards take of a day, filled from what the books have."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# What counted until now: paid, promised, or in a new journal that somebody will confirm. Cards
# that nobody holds yet start anew.
_FILL = """
INSERT INTO plain_use
SELECT r.ledger_id, r.source_id, r.epoch, r.seq, r.account_id, NULL, r.effective_s, r.net_g, r.amount
FROM record r
WHERE r.kind = 'deposit' AND r.account_id IS NOT NULL AND r.net_g IS NOT NULL
AND r.basis <> 'paper'
AND (r.outcome IN ('credited', 'queued') OR (r.outcome = 'held' AND r.reason = 'new_epoch'))
AND NOT EXISTS (SELECT 1 FROM card_message m WHERE m.ledger_id = r.ledger_id
  AND m.source_id = r.source_id AND m.epoch = r.epoch AND m.seq = r.seq)
"""


def upgrade() -> None:
    op.create_table(
        "plain_use",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("uid_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("effective_s", sa.BigInteger(), nullable=False),
        sa.Column("net_g", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "ledger_id", "source_id", "epoch", "seq", name=op.f("pk_plain_use")
        ),
        sa.CheckConstraint(
            "(account_id IS NULL) <> (uid_hash IS NULL)", name=op.f("ck_plain_use_whose")
        ),
    )
    for column in ("account_id", "uid_hash"):
        op.create_index(
            op.f(f"ix_plain_use_ledger_id_{column}_effective_s"),
            "plain_use",
            ["ledger_id", column, "effective_s"],
        )
    op.execute(_FILL)
