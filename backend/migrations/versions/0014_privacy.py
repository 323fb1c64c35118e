"""Erasures, published figures, and what erasure may change in the history of records."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ADDED_TO = ("erasure", "figure_release", "figure_cell")
_ERASABLE = ("record", "quarantine")


def _town() -> sa.Column:
    return sa.Column("ledger_id", sa.Integer(), nullable=False)


def _number(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "erasure",
        _town(),
        _number("person_id"),
        _number("erased_s"),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("decided_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "person_id", name=op.f("pk_erasure")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "person_id"],
            ["person.ledger_id", "person.id"],
            name=op.f("fk_erasure_ledger_id_person_id"),
        ),
    )
    op.create_table(
        "figure_release",
        _town(),
        *(_number(name) for name in ("month", "from_us", "until_us", "published_s", "k")),
        sa.PrimaryKeyConstraint("ledger_id", "month", name=op.f("pk_figure_release")),
        sa.UniqueConstraint(
            "ledger_id", "from_us", name=op.f("uq_figure_release_ledger_id_from_us")
        ),
    )
    op.create_table(
        "figure_cell",
        _town(),
        _number("month"),
        sa.Column("fraction", sa.String(20), nullable=False),
        sa.Column("suppressed", sa.Boolean(), nullable=False),
        *(_number(name, nullable=True) for name in ("kg", "deposits", "households")),
        sa.PrimaryKeyConstraint("ledger_id", "month", "fraction", name=op.f("pk_figure_cell")),
    )
    dialect = op.get_bind().dialect.name
    for name in _ERASABLE:
        if dialect == "sqlite":
            op.execute(f"DROP TRIGGER IF EXISTS {name}_no_update")
        else:
            op.execute(f"DROP TRIGGER IF EXISTS {name}_append_only ON {name}")
    for statement in append_only_ddl(dialect, (*_ADDED_TO, *_ERASABLE)):
        op.execute(statement)
