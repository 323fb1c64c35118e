"""Merchants, discounts on fees, and what is owed and was paid."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_APPEND_ONLY = (
    "fee_discount",
    "shop_account",
    "shop_promise",
    "shop_payment",
    "settlement",
    "settlement_paid",
)


def upgrade() -> None:
    op.create_table(
        "settlement",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("payee", sa.String(length=48), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("after_id", sa.BigInteger(), nullable=False),
        sa.Column("upto_id", sa.BigInteger(), nullable=False),
        sa.Column("bookings", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("request", sa.String(length=330), nullable=False),
        sa.Column("drawn_by", sa.String(length=64), nullable=False),
        sa.Column("drawn_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0 AND after_id < upto_id", name=op.f("ck_settlement_amount")),
        sa.PrimaryKeyConstraint("ledger_id", "payee", "number", name=op.f("pk_settlement")),
        sa.UniqueConstraint("ledger_id", "request", name=op.f("uq_settlement_ledger_id_request")),
    )
    op.create_table(
        "settlement_paid",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("payee", sa.String(length=48), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("paid_by", sa.String(length=64), nullable=False),
        sa.Column("paid_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "payee", "number", name=op.f("pk_settlement_paid")),
    )
    op.create_table(
        "shop",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("registered_by", sa.String(length=64), nullable=False),
        sa.Column("registered_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ledger_id", "id", name=op.f("pk_shop")),
        sa.UniqueConstraint("ledger_id", "name", name=op.f("uq_shop_ledger_id_name")),
    )
    op.create_table(
        "fee_discount",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("bill", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("bill_amount", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("served_by", sa.String(length=64), nullable=False),
        sa.Column("redeemed_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "amount > 0 AND amount <= bill_amount", name=op.f("ck_fee_discount_amount")
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "person_id"],
            ["person.ledger_id", "person.id"],
            name=op.f("fk_fee_discount_ledger_id_person_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_fee_discount")),
        sa.UniqueConstraint(
            "ledger_id", "bill", "attempt", name=op.f("uq_fee_discount_ledger_id_bill_attempt")
        ),
    )
    op.create_table(
        "shop_account",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ledger_id", "shop_id"],
            ["shop.ledger_id", "shop.id"],
            name=op.f("fk_shop_account_ledger_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "shop_id", "currency", name=op.f("pk_shop_account")),
        sa.UniqueConstraint(
            "ledger_id", "account_id", name=op.f("uq_shop_account_ledger_id_account_id")
        ),
    )
    op.create_table(
        "shop_payment",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("taken_by", sa.String(length=64), nullable=False),
        sa.Column("paid_s", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_shop_payment_amount")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "person_id"],
            ["person.ledger_id", "person.id"],
            name=op.f("fk_shop_payment_ledger_id_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["ledger_id", "shop_id"],
            ["shop.ledger_id", "shop.id"],
            name=op.f("fk_shop_payment_ledger_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "group_id", name=op.f("pk_shop_payment")),
    )
    op.create_index(
        op.f("ix_shop_payment_ledger_id_shop_id_group_id"),
        "shop_payment",
        ["ledger_id", "shop_id", "group_id"],
        unique=False,
    )
    op.create_table(
        "shop_promise",
        sa.Column("ledger_id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("from_s", sa.BigInteger(), nullable=False),
        sa.Column("until_s", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint("from_s < until_s AND amount >= 0", name=op.f("ck_shop_promise_period")),
        sa.ForeignKeyConstraint(
            ["ledger_id", "shop_id"],
            ["shop.ledger_id", "shop.id"],
            name=op.f("fk_shop_promise_ledger_id_shop_id"),
        ),
        sa.PrimaryKeyConstraint("ledger_id", "shop_id", "from_s", name=op.f("pk_shop_promise")),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, _APPEND_ONLY):
        op.execute(statement)
