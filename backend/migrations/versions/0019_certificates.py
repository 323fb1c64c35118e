"""The town's certificate authority, what it issued, and where keys of devices end."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _town() -> sa.Column:
    return sa.Column("ledger_id", sa.Integer(), nullable=False)


def _number(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "authority",
        _town(),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        _number("created_s"),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_authority")),
    )
    op.create_table(
        "certificate",
        _town(),
        _number("serial"),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        _number("issued_s"),
        _number("until_s"),
        _number("revoked_s", nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "serial", name=op.f("pk_certificate")),
    )
    op.create_index("ix_certificate_holder", "certificate", ["ledger_id", "holder", "until_s"])
    op.create_table(
        "key_end",
        _town(),
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(16), nullable=False),
        _number("seq"),
        _number("noted_s"),
        sa.PrimaryKeyConstraint("ledger_id", "device", "number", name=op.f("pk_key_end")),
    )
