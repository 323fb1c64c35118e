"""A town's books know its secret from another; those of older towns learn it at the next start."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "town_secret",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", name=op.f("pk_town_secret")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("town_secret",)):
        op.execute(statement)
