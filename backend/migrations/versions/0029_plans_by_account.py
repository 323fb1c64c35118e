"""PostgreSQL finds an account's transfers by index, however few accounts pay."""

from alembic import op

from backend.ledger.schema import spread_ddl

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(spread_ddl("transfer", ("debit", "credit")))
