"""What was taken back of a transfer is found by its number."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    named = sa.text("corrects_id IS NOT NULL")
    op.create_index(
        "ix_transfer_corrects",
        "transfer",
        ["ledger_id", "corrects_id"],
        sqlite_where=named,
        postgresql_where=named,
    )
