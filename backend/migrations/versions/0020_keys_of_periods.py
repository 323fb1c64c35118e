"""A person has a key of their signed bytes for each period."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person_key", sa.Column("period", sa.BigInteger(), nullable=True))
    op.create_index(
        op.f("ix_person_key_ledger_id_account_id_period"),
        "person_key",
        ["ledger_id", "account_id", "period"],
    )
