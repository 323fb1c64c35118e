"""Rules of melting are drafted by one and signed by two others."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def _number(name: str, kind: type[sa.Integer] = sa.BigInteger) -> sa.Column[int]:
    return sa.Column(name, kind(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "melt_draft",
        _number("ledger_id", sa.Integer),
        _number("id"),
        _number("currency_id", sa.SmallInteger),
        sa.Column("way", sa.String(length=9), nullable=False),
        _number("days", sa.Integer),
        _number("basis_points", sa.Integer),
        _number("free_amount"),
        sa.Column("drafted_by", sa.String(length=64), nullable=False),
        _number("drafted_s"),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_melt_draft")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "currency_id"],
            ["currency.ledger_id", "currency.id"],
            name=op.f("fk_melt_draft_ledger_id_currency_id"),
        ),
    )
    op.create_table(
        "melt_approval",
        _number("ledger_id", sa.Integer),
        _number("draft_id"),
        _number("place", sa.SmallInteger),
        _number("staff_id"),
        _number("approved_s"),
        sa.PrimaryKeyConstraint("ledger_id", "draft_id", "place", name=op.f("pk_melt_approval")),
        sa.UniqueConstraint(
            "ledger_id",
            "draft_id",
            "staff_id",
            name=op.f("uq_melt_approval_ledger_id_draft_id_staff_id"),
        ),
        sa.CheckConstraint("place IN (1, 2)", name=op.f("ck_melt_approval_place")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "draft_id"],
            ["melt_draft.ledger_id", "melt_draft.id"],
            name=op.f("fk_melt_approval_ledger_id_draft_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "staff_id"],
            ["staff.ledger_id", "staff.id"],
            name=op.f("fk_melt_approval_ledger_id_staff_id"),
        ),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, ("melt_draft", "melt_approval")):
        op.execute(statement)
