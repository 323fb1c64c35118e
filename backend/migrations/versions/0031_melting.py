"""When credit melts, how far each run of it came, and what it took of whom."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLES = ("melt_rule", "melt_run", "melted")


def _number(name: str, kind: type[sa.Integer] = sa.BigInteger) -> sa.Column[int]:
    return sa.Column(name, kind(), nullable=False)


def upgrade() -> None:
    _rules()
    _runs()
    for statement in append_only_ddl(op.get_bind().dialect.name, TABLES):
        op.execute(statement)


def _rules() -> None:
    op.create_table(
        "melt_rule",
        _number("ledger_id", sa.Integer),
        _number("number", sa.Integer),
        _number("currency_id", sa.SmallInteger),
        sa.Column("way", sa.String(length=9), nullable=False),
        _number("days", sa.Integer),
        _number("basis_points", sa.Integer),
        _number("free_amount"),
        _number("from_s"),
        _number("from_id"),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "number", name=op.f("pk_melt_rule")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "currency_id"],
            ["currency.ledger_id", "currency.id"],
            name=op.f("fk_melt_rule_ledger_id_currency_id"),
        ),
        sa.CheckConstraint(
            "way IN ('none', 'expiry', 'demurrage')", name=op.f("ck_melt_rule_way")
        ),
        sa.CheckConstraint(
            "days >= 0 AND basis_points BETWEEN 0 AND 10000 AND free_amount >= 0 "
            "AND (days > 0) = (way = 'expiry') AND (basis_points > 0) = (way = 'demurrage') "
            "AND (free_amount = 0 OR way = 'demurrage')",
            name=op.f("ck_melt_rule_one_way"),
        ),
    )  # fmt: skip


def _runs() -> None:
    op.create_table(
        "melt_run",
        _number("ledger_id", sa.Integer),
        _number("currency_id", sa.SmallInteger),
        _number("due_s"),
        _number("part", sa.Integer),
        _number("rule_no", sa.Integer),
        _number("upto_account"),
        sa.Column("last", sa.Boolean(), nullable=False),
        *(_number(name) for name in ("from_id", "upto_id", "amount")),
        sa.PrimaryKeyConstraint(
            "ledger_id", "currency_id", "due_s", "part", name=op.f("pk_melt_run")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "rule_no"],
            ["melt_rule.ledger_id", "melt_rule.number"],
            name=op.f("fk_melt_run_ledger_id_rule_no"),
        ),
        sa.CheckConstraint("amount >= 0 AND from_id <= upto_id + 1", name=op.f("ck_melt_run_taken")),
    )  # fmt: skip
    op.create_table(
        "melted",
        _number("ledger_id", sa.Integer),
        _number("account_id"),
        _number("due_s"),
        _number("rule_no", sa.Integer),
        _number("transfer_id"),
        sa.PrimaryKeyConstraint("ledger_id", "account_id", "due_s", name=op.f("pk_melted")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "account_id"],
            ["account.ledger_id", "account.id"],
            name=op.f("fk_melted_ledger_id_account_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "rule_no"],
            ["melt_rule.ledger_id", "melt_rule.number"],
            name=op.f("fk_melted_ledger_id_rule_no"),
        ),
    )
