"""A gateway that relays again says since when it remembers."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recovery_gateway", sa.Column("since_s", sa.BigInteger(), nullable=True))
