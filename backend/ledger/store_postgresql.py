"""The poster's SQL in PostgreSQL: COPY in binary, and one round trip for a batch's look-ups."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table

from backend.ledger.copying import Copying
from backend.ledger.store import PROBED, Insert, Journal, Rows, Run, Store
from backend.ledger.transfers import signed64, unsigned64


class PostgresStore(Store):
    """COPY in binary, and one round trip for all look-ups of a batch."""

    MARK = "%s"
    FOR_UPDATE = " FOR UPDATE"
    PART = 256

    def bulk(self, conn: Connection, table: Table, rows: Rows) -> None:
        with self.inserting(conn) as insert:
            insert(table, rows)

    @contextmanager
    def inserting(self, conn: Connection) -> Iterator[Insert]:
        connection: Any = conn.connection.driver_connection
        copying = Copying(connection)
        try:
            yield copying.insert
        except BaseException:
            copying.abandon()
            raise
        copying.finish()

    def probe(self, conn: Connection, wanted: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
        if not wanted:
            return
        sources, epochs, firsts, lasts = zip(*wanted, strict=True)
        cursor: Any = conn.connection.cursor()
        cursor.execute(
            # OFFSET 0 keeps the planner from joining with all records of the ledger instead, and
            # what `LedgerId` says of a town's number holds here too.
            f"SELECT p.source, r.* FROM unnest(%s::int[], %s::bigint[], %s::bigint[], "
            "%s::bigint[]) AS p(source, epoch_of, first, last) CROSS JOIN LATERAL "
            f"(SELECT {PROBED} FROM record WHERE ledger_id = (SELECT %s) "
            "AND source_id = p.source "
            "AND epoch = p.epoch_of AND seq BETWEEN p.first AND p.last OFFSET 0) AS r",
            (
                list(sources),
                [signed64(epoch) for epoch in epochs],
                list(firsts),
                list(lasts),
                self.ledger_id,
            ),
        )
        yield from cursor

    def highest(self, conn: Connection, journals: Collection[Journal]) -> dict[Journal, int]:
        sources, epochs = zip(*journals, strict=True)
        cursor: Any = conn.connection.cursor()
        cursor.execute(
            "SELECT p.source, p.epoch_of, r.seq FROM unnest(%s::int[], %s::bigint[]) "
            "AS p(source, epoch_of) CROSS JOIN LATERAL (SELECT seq FROM record "
            "WHERE ledger_id = (SELECT %s) AND source_id = p.source AND epoch = p.epoch_of "
            "ORDER BY seq DESC LIMIT 1) AS r",
            (list(sources), [signed64(epoch) for epoch in epochs], self.ledger_id),
        )
        return {(source_id, unsigned64(epoch)): seq for source_id, epoch, seq in cursor}
