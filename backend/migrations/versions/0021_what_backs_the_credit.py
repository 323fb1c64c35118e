"""What stands behind a town's credit, in words."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "town_backing",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.String(length=200), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "from_s", name=op.f("pk_town_backing")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("town_backing",)):
        op.execute(statement)
