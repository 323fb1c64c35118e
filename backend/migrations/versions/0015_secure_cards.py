"""Cards that prove themselves, and what those that do not may bring a day."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secure_card",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("uid_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "uid_hash", "from_s", name=op.f("pk_secure_card")),
        sa.CheckConstraint("key_version > 0", name=op.f("ck_secure_card_key_version")),
    )
    op.create_table(
        "card_message",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("uid_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("behind", sa.Integer(), nullable=False),
        sa.Column("seen_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "ledger_id", "uid_hash", "key_version", "counter", name=op.f("pk_card_message")
        ),
        sa.UniqueConstraint(
            "ledger_id",
            "source_id",
            "epoch",
            "seq",
            name=op.f("uq_card_message_ledger_id_source_id_epoch_seq"),
        ),
        sa.CheckConstraint("counter >= 0 AND behind >= 0", name=op.f("ck_card_message_counts")),
    )
    op.create_table(
        "plain_cap",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("daily_g", sa.BigInteger(), nullable=True),
        sa.Column("daily_amount", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "from_s", name=op.f("pk_plain_cap")),
        sa.CheckConstraint("daily_g >= 0 AND daily_amount >= 0", name=op.f("ck_plain_cap_caps")),
    )
    names = ("secure_card", "card_message", "plain_cap")
    for statement in append_only_ddl(op.get_bind().dialect.name, names):
        op.execute(statement)
