"""D1: the raw insert that the ledger is measured by, frozen here.

The rows that our poster accepted go into the same tables with the same indexes and triggers, in
the same batches, with the same durability, by the engine's fastest route, and nothing is checked.
"""

import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

import psycopg
from sqlalchemy import BigInteger, Integer, LargeBinary, SmallInteger, Table, make_url

from backend.ledger import tables as t

Rows = Sequence[Sequence[Any]]
# The rows of each table that some transfers of a town made, in the order in which they were booked.
BOOKED = {
    t.transfer: "SELECT * FROM {of}transfer WHERE ledger_id = 1 AND id > {after} AND id <= {upto}"
    " ORDER BY id",
    t.record: "SELECT r.* FROM {of}transfer AS m CROSS JOIN {of}record AS r WHERE m.ledger_id = 1"
    " AND m.id > {after} AND m.id <= {upto} AND r.ledger_id = 1 AND r.source_id = m.source_id"
    " AND r.epoch = m.epoch AND r.seq = m.seq ORDER BY m.id",
}
# One transaction: the rows of `transfer` and of `record`.
Batch = tuple[Rows, Rows]


class Raw(ABC):
    """A connection to a database of its own that has the tables already."""

    @abstractmethod
    def insert(self, batch: Batch) -> None:
        """Inserts and commits one batch."""

    @abstractmethod
    def copy(self, url: str, after_id: int, upto_id: int) -> None:
        """Inserts what another database booked, by transfer ids; not what is measured."""

    @abstractmethod
    def close(self) -> None: ...

    def seconds(self, batches: Sequence[Batch]) -> float:
        """How long the batches take, one after another."""
        start_s = time.perf_counter()
        for batch in batches:
            self.insert(batch)
        return time.perf_counter() - start_s


class RawSqlite(Raw):
    """`rows` rows a statement; 1 is the driver's executemany."""

    def __init__(self, url: str, rows: int) -> None:
        path = str(make_url(url).database)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._rows = rows
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-32768",
        ):
            self._db.execute(f"PRAGMA {pragma}")

    def insert(self, batch: Batch) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for table, rows in zip((t.transfer, t.record), batch, strict=True):
            one = f"({', '.join('?' * len(table.columns))})"
            whole = len(rows) - len(rows) % self._rows if self._rows > 1 else 0
            for first, end in pairwise(range(0, whole + 1, self._rows)):
                many = ", ".join([one] * self._rows)
                self._db.execute(
                    f"INSERT INTO {table.name} VALUES {many}",
                    list(chain.from_iterable(rows[first:end])),
                )
            self._db.executemany(f"INSERT INTO {table.name} VALUES {one}", rows[whole:])
        self._db.execute("COMMIT")

    def copy(self, url: str, after_id: int, upto_id: int) -> None:
        self._db.execute("ATTACH ? AS ours", (str(make_url(url).database),))
        self._db.execute("BEGIN")
        for table, rows in BOOKED.items():
            chosen = rows.format(of="ours.", after=after_id, upto=upto_id)
            self._db.execute(f"INSERT INTO main.{table.name} {chosen}")
        self._db.execute("COMMIT")
        self._db.execute("DETACH ours")

    def close(self) -> None:
        self._db.close()


class RawPostgres(Raw):
    """COPY in binary."""

    def __init__(self, url: str) -> None:
        self._db = _connected(url)

    def insert(self, batch: Batch) -> None:
        cursor = self._db.cursor()
        for table, rows in zip((t.transfer, t.record), batch, strict=True):
            if not rows:
                continue
            with cursor.copy(_into(table)) as copy:
                copy.set_types(_types(table))
                for row in rows:
                    copy.write_row(row)
        self._db.commit()

    def copy(self, url: str, after_id: int, upto_id: int) -> None:
        with _connected(url) as ours:
            for table, rows in BOOKED.items():
                chosen = rows.format(of="", after=after_id, upto=upto_id)
                with (
                    ours.cursor().copy(f"COPY ({chosen}) TO STDOUT (FORMAT BINARY)") as read,
                    self._db.cursor().copy(_into(table)) as write,
                ):
                    for data in read:
                        write.write(data)
        self._db.commit()

    def close(self) -> None:
        self._db.close()


def _connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False))


def _into(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"


def _types(table: Table) -> list[str]:
    kinds = {SmallInteger: "int2", BigInteger: "int8", Integer: "int4", LargeBinary: "bytea"}
    return [
        next(
            (name for kind, name in kinds.items() if isinstance(column.type, kind)),
            "int8" if isinstance(column.type, t.Unsigned64) else "text",
        )
        for column in table.columns
    ]


def raws(url_of: Sequence[str]) -> list[Raw]:
    """The routes that compete for an engine's fastest, each on a database of its own."""
    if url_of[0].startswith("sqlite"):
        return [RawSqlite(url_of[0], 256), RawSqlite(url_of[1], 1)]
    return [RawPostgres(url_of[0])]
