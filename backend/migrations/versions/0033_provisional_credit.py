"""How long a held deposit that is most likely right waits for a person."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provisional",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "from_s", name=op.f("pk_provisional")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("provisional",)):
        op.execute(statement)
