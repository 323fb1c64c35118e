"""The gateway's disk: what it has acknowledged is here. One SQLite file, WAL, synchronous=FULL.

`record` and `message` are inbox and outbox in one: `state` says how far a row has come. Bytes are
kept unchanged, also after the uplink, and also when refused. One connection, one lock, one commit
per call; every method that writes raises StoreError and changes nothing if the disk will not.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from edge_gateway.errors import StoreError
from edge_gateway.inbox import Message, Record, Rejected
from edge_gateway.schema import SCHEMA

PAGE_BYTES = 4096
BUSY_S = 2.0
# Marking what was uplinked must still find room when new messages no longer do: that is how a full
# store gets empty again.
RESERVE_BYTES = 16 * 2**20


class State(IntEnum):
    PENDING = 0
    POSTED = 1  # the backend has answered: `outcome`, and `reason` where it refused
    PARKED = 2  # the backend refuses to read this one at all: kept, alarmed, not in the way


class Item(NamedTuple):
    """One row on its way to the backend. epoch, seq and hash8 are empty for what is no record."""

    id: int
    device: str
    channel: str
    epoch: str
    seq: int
    hash8: str
    received_s: int
    jws: str


class Result(NamedTuple):
    """The backend's answer to one item."""

    item: Item
    outcome: str
    reason: str


class Batch(NamedTuple):
    """What one commit takes in."""

    records: Sequence[Record]
    messages: Sequence[Message]
    rejected: Sequence[Rejected]


class Store:
    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 2**33,
        dead_letters_max: int = 10_000,
        dead_letters_per_device: int = 500,
    ) -> None:
        """Open or make the file; StoreError if it is not what it must be."""
        self._lock = threading.Lock()
        self._pages = max_bytes // PAGE_BYTES
        self._pages_allowed = 0
        self._dead_max = dead_letters_max
        self._dead_per_device = dead_letters_per_device
        path.parent.mkdir(parents=True, exist_ok=True)
        self.made_anew = not path.exists()
        with _translated():
            self._db = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA cache_size = -16000")  # KiB: the index's last pages of a town
            self._db.executescript(SCHEMA)
            if self._db.execute("SELECT 1 FROM about WHERE name = 'since_s'").fetchone() is None:
                self._db.execute(
                    "INSERT OR IGNORE INTO about SELECT 'since_s', coalesce(min(received_s), ?)"
                    " FROM record",
                    (int(time.time()),),
                )
        self._assert_durable()

    def _assert_durable(self) -> None:
        journal = self._db.execute("PRAGMA journal_mode").fetchone()[0]
        synchronous = self._db.execute("PRAGMA synchronous").fetchone()[0]
        if (journal, synchronous) != ("wal", 2):
            raise StoreError(
                f"The disk cannot keep a promise: {journal}, synchronous={synchronous}"
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def _transaction(self, reserve_bytes: int = RESERVE_BYTES) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated():
            self._allow_pages(self._pages + reserve_bytes // PAGE_BYTES)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself if the disk was full.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _allow_pages(self, pages: int) -> None:
        if pages != self._pages_allowed:
            self._db.execute(f"PRAGMA max_page_count = {pages}")
            self._pages_allowed = pages

    # --- in

    def commit(self, batch: Batch, received_s: int) -> int:
        """Put a batch on disk in one commit; return how many of its records were not known.

        Known bytes make no second row; where they had been answered they are relayed once more,
        because a bin that sends again has not seen the answer.
        """
        with self._transaction(reserve_bytes=0) as db:
            new = self._insert_records(db, batch.records, received_s) if batch.records else 0
            if batch.messages:
                self._insert_messages(db, batch.messages, received_s)
            if batch.rejected:
                self._bury(db, batch.rejected, received_s)
        return new

    def _insert_records(
        self, db: sqlite3.Connection, records: Sequence[Record], received_s: int
    ) -> int:
        rows = [(r.device, r.epoch, r.seq, r.hash, received_s, r.jws) for r in records]
        new = db.executemany(
            "INSERT INTO record (device, epoch, seq, hash, received_s, jws)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            rows,
        ).rowcount
        if new < len(rows):
            db.executemany(
                "UPDATE record SET state = 0"
                " WHERE device = ? AND epoch = ? AND seq = ? AND hash = ? AND state = 1",
                [row[:4] for row in rows],
            )
            _count(db, [("duplicates", len(rows) - new)])
        return new

    def _insert_messages(
        self, db: sqlite3.Connection, messages: Sequence[Message], received_s: int
    ) -> None:
        db.executemany(
            "INSERT INTO message (device, channel, hash, received_s, expires_s, jws)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (m.device, m.channel, m.hash, received_s, m.ttl_s and received_s + m.ttl_s, m.jws)
                for m in messages
            ],
        )
        _count(db, [("messages", len(messages))])

    def _bury(self, db: sqlite3.Connection, rejected: Sequence[Rejected], received_s: int) -> None:
        db.executemany(
            "INSERT INTO dead (device, topic, reason, words, received_s, raw)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (topic, raw) DO UPDATE SET seen = seen + 1",
            [(r.device, r.topic, r.reason, r.words, received_s, r.raw) for r in rejected],
        )
        lost = 0
        for device in {r.device for r in rejected}:
            lost += db.execute(
                "DELETE FROM dead WHERE id IN (SELECT id FROM dead WHERE device = ?"
                " ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (device, self._dead_per_device),
            ).rowcount
        lost += db.execute(
            "DELETE FROM dead WHERE id IN (SELECT id FROM dead ORDER BY id DESC LIMIT -1 OFFSET ?)",
            (self._dead_max,),
        ).rowcount
        _count(db, [(f"dead.{r.reason}", 1) for r in rejected])
        _count(db, [("dead_letters_lost", lost)])

    # --- up

    def pending(self, limit: int) -> list[Item]:
        """The oldest rows to relay: at most `limit` messages, then at most `limit` records."""
        with self._lock, _translated():
            messages = self._db.execute(
                "SELECT id, device, channel, '', 0, '', received_s, jws FROM message"
                " WHERE state = 0 ORDER BY id LIMIT ?",
                (limit,),
            ).fetchall()
            records = self._db.execute(
                "SELECT id, device, 'record', epoch, seq, lower(hex(substr(hash, 1, 8))),"
                " received_s, jws FROM record WHERE state = 0 ORDER BY id LIMIT ?",
                (limit,),
            ).fetchall()
        return [Item._make((*row[:7], row[7].decode("ascii"))) for row in messages + records]

    def settle(self, results: Iterable[Result], now_s: int) -> None:
        """Write down the backend's answers. A refused record stays, with the reason."""
        rows = list(results)
        with self._transaction() as db:
            for table, of_table in _by_table(rows):
                db.executemany(
                    f"UPDATE {table} SET state = 1, outcome = ?, reason = ?, posted_s = ?"
                    " WHERE id = ?",
                    [(r.outcome, r.reason, now_s, r.item.id) for r in of_table],
                )
            _count(db, [(f"outcome.{r.outcome}", 1) for r in rows])
            _count(db, [(f"refused.{r.reason}", 1) for r in rows if r.outcome == "refused"])

    def park(self, item: Item, reason: str, now_s: int) -> None:
        """Put aside a row that the backend will not even read, so that the others can pass."""
        with self._transaction() as db:
            for table, of_table in _by_table([Result(item, "", reason)]):
                db.executemany(
                    f"UPDATE {table} SET state = 2, reason = ?, posted_s = ? WHERE id = ?",
                    [(r.reason, now_s, r.item.id) for r in of_table],
                )
            _count(db, [(f"parked.{reason}", 1)])

    def unpark(self) -> int:
        """Give parked rows another chance, as after an update of either side."""
        with self._transaction() as db:
            tables = ("record", "message")
            sql = "UPDATE {} SET state = 0 WHERE state = 2"
            return sum(db.execute(sql.format(table)).rowcount for table in tables)

    def relay_again(self, since_s: int, *, refused_only: bool = False) -> int:
        """Send up once more what came since then: to a restored backend, or for a key now known."""
        only = " AND outcome = 'refused'" if refused_only else ""
        with self._transaction() as db:
            again = f"UPDATE record SET state = 0 WHERE state = 1 AND received_s >= ?{only}"
            return db.execute(again, (since_s,)).rowcount

    def relay_for(self, again_id: int, since_s: int) -> int:
        """Relay once more, once for each id, what a restored backend has not seen.

        That is all that came or was answered at `since_s` or later, asks left out, and the
        newest birth of every device, which says how far its journal goes. Returns the rows.
        """
        with self._transaction() as db:
            known = db.execute("SELECT found FROM again WHERE id = ?", (again_id,)).fetchone()
            if known:
                return int(known[0])
            recent = "state > 0 AND (posted_s >= ? OR received_s >= ?)"
            both = (since_s, since_s)
            found = db.execute(f"UPDATE record SET state = 0 WHERE {recent}", both).rowcount
            newest = "id IN (SELECT max(id) FROM message WHERE channel = 'birth' GROUP BY device)"
            found += db.execute(
                f"UPDATE message SET state = 0 WHERE channel <> 'ask' AND ({recent}"
                f" OR state > 0 AND {newest})",
                both,
            ).rowcount
            db.execute("INSERT INTO again (id, found) VALUES (?, ?)", (again_id, found))
        return found

    def since_s(self) -> int:
        """From when on it has all that it acknowledged, but for what was kept long enough."""
        with self._lock, _translated():
            row = self._db.execute("SELECT value FROM about WHERE name = 'since_s'").fetchone()
        return int(row[0])

    def waiting(self) -> int:
        """How many rows have not been answered yet."""
        with self._lock, _translated():
            both = "SELECT (SELECT count(*) FROM record WHERE state = 0)"
            both += " + (SELECT count(*) FROM message WHERE state = 0)"
            return int(self._db.execute(both).fetchone()[0])

    def relay_latest(self, window_s: int) -> int:
        """Send up once more what was answered within `window_s` of the last answer.

        A process that dies between writing answers down and publishing them leaves bins that have
        heard *recorded* and would ask again only after hours.
        """
        with self._transaction() as db:
            last = "(SELECT max(posted_s) FROM record WHERE state = 1)"
            again = f"UPDATE record SET state = 0 WHERE state = 1 AND posted_s >= {last} - ?"
            return db.execute(again, (window_s,)).rowcount

    def expire(self, now_s: int, retention_s: int) -> None:
        """Drop asks nobody waits for any more, and what was uplinked before the retention."""
        with self._transaction() as db:
            late = "DELETE FROM message WHERE state = 0 AND expires_s < ?"
            _count(db, [("asks_expired", db.execute(late, (now_s,)).rowcount)])
            for table in ("record", "message"):
                old = f"DELETE FROM {table} WHERE state = 1 AND posted_s < ?"
                db.execute(old, (now_s - retention_s,))

    # --- what health and technicians ask

    def dead_letters(self, limit: int = 100) -> list[tuple[int, str, str, str, bytes]]:
        """Newest first: (id, topic, reason, words, raw)."""
        with self._lock, _translated():
            return self._db.execute(
                "SELECT id, topic, reason, words, raw FROM dead ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()

    def depths(self) -> dict[str, int]:
        """How many rows wait, are parked, or lie dead, and since when the oldest waits."""
        one = (
            "SELECT (SELECT count(*) FROM record WHERE state = 0),"
            " (SELECT count(*) FROM message WHERE state = 0),"
            " (SELECT count(*) FROM record WHERE state = 2)"
            " + (SELECT count(*) FROM message WHERE state = 2),"
            " (SELECT count(*) FROM dead),"
            " (SELECT received_s FROM record WHERE state = 0 ORDER BY id LIMIT 1)"
        )
        names = ("records_pending", "messages_pending", "parked", "dead_letters", "oldest_s")
        with self._lock, _translated():
            values = self._db.execute(one).fetchone()
        return {name: value or 0 for name, value in zip(names, values, strict=True)}

    def tallies(self) -> dict[str, int]:
        """Everything ever counted here, by name; survives restarts."""
        with self._lock, _translated():
            return dict(self._db.execute("SELECT name, n FROM tally").fetchall())


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"The store: {error}") from error


def _count(db: sqlite3.Connection, items: Iterable[tuple[str, int]]) -> None:
    db.executemany(
        "INSERT INTO tally (name, n) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
        [(name, n) for name, n in items if n],
    )


def _by_table(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    records = [r for r in results if r.item.channel == "record"]
    messages = [r for r in results if r.item.channel != "record"]
    return [("record", records), ("message", messages)]
