"""Kinds of money, what they may be exchanged for and where spent, and notices of soft limits."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = ("money_kind", "currency_kind", "crossing", "spend_rule", "merchant", "notice")
_KINDS = (
    ("waste_credit", "records", "false", "true"),
    ("goods", "town", "false", "true"),
    ("restricted_aid", "town", "true", "true"),
    ("hours", "nobody", "false", "false"),
    ("mutual_credit", "nobody", "false", "true"),
)
_CURRENCIES = ((1, "waste_credit"), (2, "goods"))


def upgrade() -> None:
    _kinds()
    _rules()
    _open_ledgers()
    for statement in append_only_ddl(op.get_bind().dialect.name, _TABLES):
        op.execute(statement)


def _table(name: str, *rest: sa.schema.SchemaItem) -> None:
    op.create_table(name, sa.Column("ledger_id", sa.Integer(), nullable=False), *rest)


def _decided() -> list[sa.Column[int] | sa.Column[str]]:
    return [
        sa.Column("from_id", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
    ]


def _of(table: str, column: str, other: str, other_column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["ledger_id", column],
        [f"{other}.ledger_id", f"{other}.{other_column}"],
        name=op.f(f"fk_{table}_ledger_id_{column}"),
    )


def _kinds() -> None:
    _table(
        "money_kind",
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("issued_by", sa.String(length=8), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("convertible", sa.Boolean(), nullable=False),
        *_decided(),
        sa.PrimaryKeyConstraint("ledger_id", "code", name=op.f("pk_money_kind")),
        sa.CheckConstraint(
            "issued_by IN ('records', 'town', 'nobody')", name=op.f("ck_money_kind_issued_by")
        ),
    )
    _table(
        "currency_kind",
        sa.Column("currency_id", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("member_min", sa.BigInteger(), nullable=False),
        *_decided(),
        sa.PrimaryKeyConstraint("ledger_id", "currency_id", name=op.f("pk_currency_kind")),
        _of("currency_kind", "currency_id", "currency", "id"),
        _of("currency_kind", "kind", "money_kind", "code"),
        sa.CheckConstraint("member_min <= 0", name=op.f("ck_currency_kind_member_min")),
    )
    _table(
        "crossing",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code", sa.SmallInteger(), nullable=False),
        sa.Column("other_kind", sa.String(length=16), nullable=False),
        sa.Column("other_code", sa.SmallInteger(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        *_decided(),
        sa.PrimaryKeyConstraint("ledger_id", "number", name=op.f("pk_crossing")),
        _of("crossing", "kind", "money_kind", "code"),
        _of("crossing", "other_kind", "money_kind", "code"),
    )


def _rules() -> None:
    _table(
        "spend_rule",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("currency_id", sa.SmallInteger(), nullable=False),
        sa.Column("merchant_kind", sa.String(length=24), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
        *_decided(),
        sa.PrimaryKeyConstraint("ledger_id", "number", name=op.f("pk_spend_rule")),
        _of("spend_rule", "currency_id", "currency", "id"),
    )
    _table(
        "merchant",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        *_decided(),
        sa.PrimaryKeyConstraint("ledger_id", "number", name=op.f("pk_merchant")),
        _of("merchant", "account_id", "account", "id"),
    )
    op.create_index(
        op.f("ix_merchant_ledger_id_account_id"), "merchant", ["ledger_id", "account_id"]
    )
    _table(
        "notice",
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("crossed", sa.String(length=8), nullable=False),
        sa.Column("bound", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("recorded_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "transfer_id", "account_id", name=op.f("pk_notice")),
        sa.CheckConstraint(
            "crossed IN ('soft_min', 'soft_max')", name=op.f("ck_notice_crossed")
        ),
    )
    op.create_index(
        op.f("ix_notice_ledger_id_account_id_transfer_id"),
        "notice",
        ["ledger_id", "account_id", "transfer_id"],
    )


def _open_ledgers() -> None:
    """Books that are open already get what new ones are opened with."""
    for code, issued_by, restricted, convertible in _KINDS:
        op.execute(
            "INSERT INTO money_kind SELECT ledger_id, "
            f"'{code}', '{issued_by}', {restricted}, {convertible}, 1, 'founding' FROM ledger_head"
        )
    for currency_id, kind in _CURRENCIES:
        op.execute(
            f"INSERT INTO currency_kind SELECT ledger_id, {currency_id}, '{kind}', 0, 1, "
            "'founding' FROM ledger_head"
        )
    op.execute(
        "INSERT INTO crossing SELECT ledger_id, 1, 'goods', 7, 'waste_credit', 5, true, 1, "
        "'founding' FROM ledger_head"
    )
