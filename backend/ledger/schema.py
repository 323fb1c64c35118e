"""What all of the ledger's tables are made with: names, a town's column, append-only triggers."""

from sqlalchemy import BigInteger, Column, Connection, Dialect, Integer, MetaData, Table, event
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


def ledger_column() -> Column[int]:
    """The town, which leads every key."""
    return Column("ledger_id", Integer, nullable=False)


def make_append_only(table: Table) -> None:
    """Where `metadata.create_all` makes the table, it refuses UPDATE and DELETE from then on."""
    event.listen(table, "after_create", _refuse_change)


def _refuse_change(target: Table, connection: Connection, **_: object) -> None:
    for statement in append_only_ddl(connection.dialect.name, (target.name,)):
        connection.exec_driver_sql(statement)
