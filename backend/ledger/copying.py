"""Rows on their way to PostgreSQL, by COPY in binary.

While the server inserts what was sent, the next rows are decided and made ready: the client and
the server work side by side inside one transaction, and no more than one COPY is under way.
"""

from collections.abc import Generator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.copy import LibpqWriter, Writer
from psycopg.generators import fetch
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn
from psycopg.waiting import Ready, Wait
from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, SmallInteger, Table

from backend.ledger import tables as t


class Copying:
    """Inserts rows through a connection that is asked nothing else until `finish`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._pgconn = connection.pgconn
        self._under_way = False

    def insert(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Sends rows in the order of the table's columns. Raises what an earlier COPY ran into."""
        if not rows:
            return
        ready = self._binary(table, rows)
        self.finish()
        self._under_way = True  # also if what follows fails: `abandon` asks what came of it
        with self._cursor.copy(_statement(table), writer=_Unawaited(self._cursor)) as copy:
            copy.write(ready)

    def _binary(self, table: Table, rows: Sequence[Sequence[Any]]) -> bytearray:
        gathered = _Gathered()
        copy = psycopg.Copy(self._cursor, binary=True, writer=gathered)
        copy.set_types(_types(table))
        for row in rows:
            copy.write_row(row)
        copy.finish(None)
        return gathered.data

    def finish(self) -> None:
        """Waits until the server has inserted what was sent, and lets other threads go on.

        libpq's own wait would keep the interpreter's lock.
        Raises its error; OperationalError if the connection was lost meanwhile.
        """
        if not self._under_way:
            return
        self._under_way = False
        error = None
        while (result := self._connection.wait(fetch(self._pgconn))) is not None:
            if result.status != ExecStatus.COMMAND_OK:
                error = psycopg.errors.error_from_result(result)
        if self._pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection was lost while rows were inserted")
        if error is not None:
            raise error

    def abandon(self) -> None:
        """Leaves the connection free to be rolled back."""
        with suppress(psycopg.Error):
            self.finish()


class _Gathered(Writer):
    """Keeps what a COPY would send."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: Any) -> None:
        self.data += data


class _Unawaited(LibpqWriter):
    """Ends a COPY without waiting for what the server makes of it."""

    def finish(self, exc: BaseException | None = None) -> None:
        if exc is not None:
            super().finish(exc)
        else:
            self.connection.wait(_end(self.connection.pgconn))


def _end(pgconn: PGconn) -> Generator[Wait, Ready | int, None]:
    """Sends the end of a COPY's data, waiting only while the socket is full."""
    while pgconn.put_copy_end() == 0:
        yield Wait.W
    while pgconn.flush() == 1:
        yield Wait.W


@lru_cache
def _statement(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"


@lru_cache
def _types(table: Table) -> tuple[str, ...]:
    return tuple(_binary_type(column.type) for column in table.columns)


def _binary_type(kind: object) -> str:
    """PostgreSQL's name of a column's type, which a binary COPY must be told."""
    if isinstance(kind, t.Unsigned64 | BigInteger):
        return "int8"
    if isinstance(kind, SmallInteger):
        return "int2"
    if isinstance(kind, Integer):
        return "int4"
    if isinstance(kind, LargeBinary):
        return "bytea"
    return "bool" if isinstance(kind, Boolean) else "text"
