"""The poster's SQL in SQLite: the driver's own cursor, with many rows a statement."""

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table

from backend.ledger.store import PROBED, Journal, Rows, Run, Store
from backend.ledger.transfers import signed64


class SqliteStore(Store):
    """The driver's own cursor, with up to BLOCK rows a statement."""

    MARK = "?"
    BLOCK = 64

    def bulk(self, conn: Connection, table: Table, rows: Rows) -> None:
        cursor: Any = conn.connection.cursor()
        first = 0
        for count in _powers(len(rows), self.BLOCK):
            values = list(chain.from_iterable(rows[first : first + count]))
            cursor.execute(_insert(table, count), values)
            first += count

    def probe(self, conn: Connection, wanted: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
        cursor: Any = conn.connection.cursor()
        query = (
            f"SELECT {PROBED} FROM record "
            "WHERE ledger_id = ? AND source_id = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        )
        for run in wanted:
            cursor.execute(
                query, (self.ledger_id, run.source_id, signed64(run.epoch), run.first, run.last)
            )
            for row in cursor:
                yield (run.source_id, *row)

    def highest(self, conn: Connection, journals: Collection[Journal]) -> dict[Journal, int]:
        cursor: Any = conn.connection.cursor()
        found: dict[Journal, int] = {}
        for source_id, epoch in journals:
            cursor.execute(
                "SELECT max(seq) FROM record WHERE ledger_id = ? AND source_id = ? AND epoch = ?",
                (self.ledger_id, source_id, signed64(epoch)),
            )
            (seq,) = cursor.fetchone()
            if seq is not None:
                found[source_id, epoch] = seq
        return found


def _powers(count: int, largest: int) -> Iterator[int]:
    """Powers of two that sum up to `count`: few statements, and few kinds of them to prepare."""
    size = largest
    while count:
        while size > count:
            size //= 2
        yield size
        count -= size


@lru_cache
def _insert(table: Table, rows: int) -> str:
    one = f"({', '.join('?' * len(table.columns))})"
    return f"INSERT INTO {table.name} VALUES {', '.join([one] * rows)}"
