"""Writing a batch's first rows while its later ones are still being decided.

Deciding is Python; inserting is the database's own work, which lets go of the interpreter. One
thread writes whole blocks of decided rows inside the very transaction of the batch, so that
nothing becomes visible, or stays, before all of it is decided and committed.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table

from backend.ledger import tables as t
from backend.ledger.sheet import Sheet
from backend.ledger.store import Store


class Ahead:
    """Hands a sheet's rows to the writing thread, in blocks of so many."""

    def __init__(
        self, pool: ThreadPoolExecutor, store: Store, conn: Connection, block: int
    ) -> None:
        self._pool = pool
        self._store = store
        self._conn = conn
        self._block = block
        self._written: list[Future[None]] = []

    def hand_over(self, sheet: Sheet) -> None:
        """Begins to write what fills whole blocks. Raises what an earlier block ran into."""
        for block in self._written:
            if block.done():
                block.result()
        upto = self._whole(sheet.transfers)
        self._write(t.transfer, sheet.transfers[sheet.transfers_ahead : upto])
        sheet.transfers_ahead = upto
        upto = self._whole(sheet.records)
        self._write(t.record, sheet.records[sheet.records_ahead : upto])
        sheet.records_ahead = upto

    def settle(self) -> None:
        """Waits until nothing that was handed over is being written."""
        wait(self._written)

    def finish(self) -> None:
        """Waits until all that was handed over is written; raises what went wrong first."""
        for block in self._written:
            block.result()

    def _write(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._written.append(self._pool.submit(self._store.bulk, self._conn, table, rows))

    def _whole(self, rows: Sequence[Any]) -> int:
        return len(rows) - len(rows) % self._block


def new_writer(ledger_id: int) -> ThreadPoolExecutor:
    """The writing thread of a ledger, named after its poster's; it begins with its first block."""
    return ThreadPoolExecutor(1, thread_name_prefix=f"poster-{ledger_id}-writes")


@contextmanager
def writing_ahead(
    pool: ThreadPoolExecutor, store: Store, conn: Connection, block: int | None
) -> Iterator[Ahead]:
    """For the time of deciding; the connection is the writing thread's until it ends."""
    ahead = Ahead(pool, store, conn, block or store.BLOCK)
    try:
        yield ahead
        ahead.finish()
    finally:
        ahead.settle()
