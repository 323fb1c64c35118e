"""Copying SQLite's write-ahead log back into the database beside the work, not inside a commit.

SQLite does it in the commit that makes the log long, which then waits for hundreds of scattered
pages (https://sqlite.org/wal.html, "Automatic Checkpoint"). What is synced in the log is durable,
so a thread can copy it while the next batch is decided. If it falls behind, commits copy again
themselves: the log stays bounded.
"""

import logging
import threading
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

logger = logging.getLogger(__name__)

# Pages of the log that are worth a turn, SQLite's own default, and those at which commits help.
TURN, MOST = 1_000, 8_192
# About as many pages as one commit writes beside those of its rows: inner pages and index leaves.
_PAGES_A_COMMIT = 8
_COUNTED = "farz_counted_changes"


class WalKeeper:
    """One thread for one engine, which begins with the first turn."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pages = 0
        self._state = threading.Condition()
        self._due = self._closed = False
        self._thread: threading.Thread | None = None
        event.listen(engine, "checkin", self._count)

    def _count(self, driver: Any, record: ConnectionPoolEntry) -> None:
        """Estimates what a connection wrote before it came back: a page for each row.

        The driver does not tell it, and "commit" would come before the pages are in the log.
        """
        if driver is None:
            return  # it was broken, and is thrown away
        changes, before = driver.total_changes, record.info.get(_COUNTED, 0)
        if changes == before:
            return  # nothing was written
        record.info[_COUNTED] = changes
        self._pages += _PAGES_A_COMMIT + changes - before
        if self._pages >= TURN:
            self._pages = 0
            self._wake()

    def _wake(self) -> None:
        with self._state:
            if self._closed:
                return
            self._due = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wal", daemon=True)
                self._thread.start()
            self._state.notify()

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._due or self._closed)
                if self._closed:
                    return
                self._due = False
            try:
                checkpoint(self._engine)
            except SQLAlchemyError:
                # The log only grows until a commit copies it, which then says what is wrong.
                logger.warning("The write-ahead log was not copied back.", exc_info=True)

    def close(self) -> None:
        """Ends the thread after its turn."""
        with self._state:
            self._closed = True
            self._state.notify()
        if self._thread is not None:
            self._thread.join()


def checkpoint(engine: Engine) -> None:
    """Copies what the log holds into the database, as far as no reader still needs it there."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
