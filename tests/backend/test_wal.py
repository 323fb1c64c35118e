"""SQLite's write-ahead log is copied back by a thread of its own, and by commits if that lags."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from backend import db, wal

WAIT_S = 20


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Engine]:
    engine = db.create_engine(f"sqlite:///{tmp_path}/town.db")
    with db.begin(engine) as conn:
        conn.execute(text("CREATE TABLE row (n INTEGER PRIMARY KEY, filler BLOB)"))
    yield engine
    engine.dispose()


def write(engine: Engine, rows: int) -> None:
    """Rows that fill a page each."""
    with db.begin(engine) as conn:
        for _ in range(rows):
            conn.execute(text("INSERT INTO row (filler) VALUES (zeroblob(3500))"))


def soon(true: Callable[[], bool]) -> bool:
    end_s = time.monotonic() + WAIT_S
    while not true() and time.monotonic() < end_s:
        time.sleep(0.02)
    return true()


def pages_in_database(engine: Engine) -> int:
    """Pages of the file itself, the log left aside."""
    return Path(str(engine.url.database)).stat().st_size // 4096


def test_the_log_is_copied_back_while_the_writer_rests(town: Engine) -> None:
    write(town, wal.TURN + 10)

    assert soon(lambda: pages_in_database(town) > wal.TURN)


def test_a_few_rows_are_left_in_the_log(town: Engine) -> None:
    before = threading.active_count()

    write(town, 50)

    assert pages_in_database(town) < 50
    assert threading.active_count() == before


def test_reading_is_no_reason_to_copy(town: Engine) -> None:
    write(town, wal.TURN - 100)
    for _ in range(50):
        with db.read(town) as conn:
            conn.execute(text("SELECT count(*) FROM row")).one()

    assert pages_in_database(town) < 100


def test_a_commit_copies_the_log_that_the_thread_did_not(
    town: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wal, "checkpoint", lambda engine: None)

    write(town, wal.MOST + 10)

    assert pages_in_database(town) > wal.MOST


def test_a_log_that_cannot_be_copied_stops_nobody(
    town: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_engine: Engine) -> None:
        raise db_error()

    monkeypatch.setattr(wal, "checkpoint", fail)
    write(town, wal.TURN + 10)
    assert soon(lambda: "was not copied back" in caplog.text)
    monkeypatch.undo()

    write(town, wal.TURN + 10)

    assert soon(lambda: pages_in_database(town) > wal.TURN)


def db_error() -> OperationalError:
    return OperationalError(
        "PRAGMA wal_checkpoint", None, sqlite3.OperationalError("disk I/O error")
    )


def test_disposing_ends_the_thread_and_the_lock(town: Engine) -> None:
    keepers = {t for t in threading.enumerate() if t.name == "wal"}
    write(town, wal.TURN + 10)
    assert soon(lambda: bool({t for t in threading.enumerate() if t.name == "wal"} - keepers))

    town.dispose()

    assert not {t for t in threading.enumerate() if t.name == "wal"} - keepers
    again = db.create_engine(str(town.url))
    with db.read(again) as conn:
        assert conn.scalar(text("SELECT count(*) FROM row")) == wal.TURN + 10
    again.dispose()
