"""Consent, delegates, rows of lists, swapped cards; second factors and keys of counters."""

import sqlalchemy as sa
from alembic import op

from backend.ledger.append_only import append_only_ddl

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people()
    _access()
    names = ("consent", "card_swap")
    for statement in append_only_ddl(op.get_bind().dialect.name, names):
        op.execute(statement)


def _town() -> sa.Column[int]:
    return sa.Column("ledger_id", sa.Integer(), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _bytes(name: str, length: int | None = None) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(length), nullable=False)


def _of(column: str, table: str, mine: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["ledger_id", column],
        [f"{table}.ledger_id", f"{table}.id"],
        name=op.f(f"fk_{mine}_ledger_id_{column}"),
    )


def _key(mine: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("ledger_id", *columns, name=op.f(f"pk_{mine}"))


def _people() -> None:
    op.create_table(
        "consent",
        _town(),
        _number("person_id"),
        _number("given_s"),
        _text("version", 32),
        _text("how", 8),
        _text("taken_by", 64),
        sa.CheckConstraint("how IN ('paper', 'spoken', 'online')", name=op.f("ck_consent_how")),
        _of("person_id", "person", "consent"),
        _key("consent", "person_id", "given_s", "version"),
    )
    op.create_table(
        "delegation",
        _town(),
        _number("id"),
        _number("holder_id"),
        _number("delegate_id"),
        _text("scopes", 200),
        _number("from_s"),
        _number("until_s", nullable=True),
        _number("ended_s", nullable=True),
        _text("decided_by", 64),
        sa.CheckConstraint("holder_id <> delegate_id", name=op.f("ck_delegation_two_people")),
        _of("holder_id", "person", "delegation"),
        _of("delegate_id", "person", "delegation"),
        _key("delegation", "id"),
    )
    for column in ("delegate_id", "holder_id"):
        name = op.f(f"ix_delegation_ledger_id_{column}")
        op.create_index(name, "delegation", ["ledger_id", column])
    op.create_table(
        "enrolled_row",
        _town(),
        _bytes("row_hash", 32),
        _number("person_id"),
        _of("person_id", "person", "enrolled_row"),
        _key("enrolled_row", "row_hash"),
    )
    op.create_table(
        "card_swap",
        _town(),
        _number("old_card_id"),
        _number("new_card_id"),
        _number("swapped_s"),
        _text("decided_by", 64),
        _of("old_card_id", "card", "card_swap"),
        _of("new_card_id", "card", "card_swap"),
        _key("card_swap", "old_card_id"),
        sa.UniqueConstraint(
            "ledger_id", "new_card_id", name=op.f("uq_card_swap_ledger_id_new_card_id")
        ),
    )


def _access() -> None:
    op.create_table(
        "counter",
        _town(),
        _number("id"),
        _text("name", 64),
        _text("key_prefix", 16),
        _bytes("key_hash", 32),
        _number("created_s"),
        _number("revoked_s", nullable=True),
        _key("counter", "id"),
        sa.UniqueConstraint("ledger_id", "key_prefix", name=op.f("uq_counter_ledger_id_key_prefix")),
        sa.UniqueConstraint("ledger_id", "name", name=op.f("uq_counter_ledger_id_name")),
    )
    op.create_table(
        "second_factor",
        _town(),
        _number("staff_id"),
        _bytes("sealed"),
        _number("confirmed_s", nullable=True),
        _number("last_step"),
        _of("staff_id", "staff", "second_factor"),
        _key("second_factor", "staff_id"),
    )
    op.create_table(
        "recovery_code",
        _town(),
        _number("staff_id"),
        _bytes("code_hash", 32),
        _number("used_s", nullable=True),
        _of("staff_id", "staff", "recovery_code"),
        _key("recovery_code", "staff_id", "code_hash"),
    )
