"""Cards that open bins, by whose of the staff they are."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "service_card",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("uid_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "uid_hash", "from_s", name=op.f("pk_service_card")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("service_card",)):
        op.execute(statement)
