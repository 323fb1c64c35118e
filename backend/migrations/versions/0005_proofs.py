"""Keys of the log and of people; why a log began anew; a record may be sealed, once."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_key",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("public", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "number", name=op.f("pk_log_key")),
    )
    op.create_table(
        "person_key",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("destroyed_s", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_person_key")),
    )
    op.add_column("log_origin", sa.Column("reason", sa.Text(), nullable=True))
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS record_no_update")
    for statement in append_only_ddl(dialect, ("log_key", "record")):
        op.execute(statement)
