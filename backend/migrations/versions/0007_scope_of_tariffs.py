"""A tariff may have an end, and hold at one collection point alone."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("until_s", "point_id"):
        op.add_column("tariff", sa.Column(name, sa.BigInteger(), nullable=True))
