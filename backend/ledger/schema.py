"""What all of the ledger's tables are made with: names, a town's column, append-only triggers."""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    MetaData,
    Table,
    event,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator

from backend.ledger.append_only import append_only_ddl
from backend.ledger.transfers import signed64, unsigned64

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Unsigned64(TypeDecorator[int]):
    """A random 64-bit name (a journal's epoch) kept as a BIGINT of the same bits."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else signed64(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else unsigned64(value)


_INTEGER = Integer()


class _Unseen(BindParameter[int]):
    """A number that PostgreSQL's planner does not see: it plans for any, not for that one."""

    inherit_cache = True


@compiles(_Unseen)
def _plain(element: _Unseen, compiler: SQLCompiler, **how: Any) -> str:
    return str(compiler.visit_bindparam(element, **how))  # type: ignore[no-untyped-call]


@compiles(_Unseen, "postgresql")
def _hidden(element: _Unseen, compiler: SQLCompiler, **how: Any) -> str:
    return f"(SELECT {_plain(element, compiler, **how)})"


class LedgerId(Integer):
    """A town's number, by which PostgreSQL plans as for any town.

    It counts the towns that it meets when it analyzes a table, and takes it that any other has no
    row. For a town that opened since, all indexes would seem alike, and a record be looked for
    through one that holds all records of the town.
    """

    class Comparator(Integer.Comparator[int]):
        def __eq__(self, other: object) -> ColumnElement[bool]:  # type: ignore[override]
            town = _Unseen(None, other, _INTEGER, unique=True) if isinstance(other, int) else other
            return cast(ColumnElement[bool], super().__eq__(town))

    comparator_factory = Comparator


def ledger_column() -> Column[int]:
    """The town, which leads every key."""
    return Column("ledger_id", LedgerId, nullable=False)


def make_append_only(table: Table) -> None:
    """Where `metadata.create_all` makes the table, it refuses UPDATE and DELETE from then on."""
    event.listen(table, "after_create", _refuse_change)


def _refuse_change(target: Table, connection: Connection, **_: object) -> None:
    for statement in append_only_ddl(connection.dialect.name, (target.name,)):
        connection.exec_driver_sql(statement)


def plan_by_account(table: Table, *columns: str) -> None:
    """Where `metadata.create_all` makes the table, PostgreSQL reads an account's rows by index.

    It plans for the share of rows that an account has on average. Where one issuer pays
    everybody that is all rows, and a quiet account's balance would be found by reading every
    transfer since its fold. From its next ANALYZE on it believes in 50 rows an account, whatever
    it counts.
    """

    def spread(target: Table, connection: Connection, **_: object) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(spread_ddl(target.name, columns))

    event.listen(table, "after_create", spread)


def spread_ddl(table: str, columns: Sequence[str]) -> str:
    """The statement for PostgreSQL; a migration executes it after it has made the table."""
    spread = ", ".join(f"ALTER COLUMN {column} SET (n_distinct = -0.02)" for column in columns)
    return f"ALTER TABLE {table} {spread}"
