"""Engines, and the two contexts through which all code reaches the database.

`read` gives a snapshot that cannot write; `begin` gives the write lock and is the only place
that commits. What the books' durability rests on is set at each connection and then asserted.
SQLite belongs to one backend process at a time, by a lock on a file beside it.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, FromClause, event, make_url
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import OperationalError

from backend.wal import MOST, WalKeeper

BUSY_TIMEOUT_S = 10
# Of SQLite's virtual machine, between two looks at the clock: about a millisecond.
_STEPS = 50_000
_WRITES = "farz_writes"
# Connections of an engine, all of them kept: a new one reads the whole schema before it answers.
# Three engines a process (books, sessions, audit), and PostgreSQL lets in a hundred.
_POOL: dict[str, Any] = {"pool_size": 15, "max_overflow": 0, "pool_use_lifo": True}


class DatabaseInUse(RuntimeError):
    """Another process has this SQLite database open for writing."""


class NotDurable(RuntimeError):
    """The database would say 'saved' before the disk has it."""


class UnusableUrl(ValueError):
    """The books cannot be kept there."""


class ReadTooLong(RuntimeError):
    """A reader of SQLite has had its time: its snapshot keeps the log from being cut."""


class _SqliteCompiler(SQLiteCompiler):
    """Writes `with_hint(table, "INDEXED BY …", "sqlite")` after the table's name."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        return text


def create_engine(url: str, *, exclusive: bool = True) -> Engine:
    """An engine for "sqlite:///FILE" or "postgresql+psycopg://…".

    With SQLite, `exclusive` takes the process lock until `engine.dispose()`; without it the
    engine can only read. Raises DatabaseInUse, and NotDurable at the first connection.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise UnusableUrl("The books need a file: write sqlite:////path/to/town.db.")
        return _sqlite(url, Path(parsed.database), exclusive)
    if backend == "postgresql":
        return _postgresql(parsed.set(drivername="postgresql+psycopg").render_as_string(False))
    raise UnusableUrl(f"The books are kept in SQLite or PostgreSQL, not in {backend!r}.")


@contextmanager
def read(engine: Engine, limit_s: float | None = None) -> Iterator[Connection]:
    """A connection that sees one moment of the database and writes nothing.

    With SQLite, `limit_s` bounds how long its statements may go on. Raises ReadTooLong.
    """
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with (
        engine.connect().execution_options(**options) as conn,
        conn.begin() as transaction,
        _limited(conn, limit_s),
    ):
        yield conn
        transaction.rollback()


@contextmanager
def _limited(conn: Connection, limit_s: float | None) -> Iterator[None]:
    if limit_s is None or conn.dialect.name != "sqlite":
        yield
        return
    driver: Any = conn.connection.driver_connection
    end_s = time.monotonic() + limit_s
    driver.set_progress_handler(lambda: time.monotonic() > end_s, _STEPS)
    try:
        yield
    except OperationalError as error:
        if time.monotonic() <= end_s:
            raise
        raise ReadTooLong(
            f"This asks for more than can be read in {limit_s:g} s. Ask for a shorter time."
        ) from error
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """A connection in a write transaction: committed at the end, rolled back by an error.

    SQLite takes its write lock at once. PostgreSQL runs at READ COMMITTED, so that a statement
    after a lock sees what the lock's last holder committed.
    """
    with engine.connect().execution_options(**{_WRITES: True}) as conn, conn.begin():
        yield conn


def _sqlite(url: str, path: Path, exclusive: bool) -> Engine:
    release = _lock(path) if exclusive else None
    engine = sqlalchemy_engine(
        url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True, **_POOL
    )
    engine.dialect.statement_compiler = _SqliteCompiler

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late, at the first write; ours are explicit.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA wal_autocheckpoint={MOST}")
        connection.execute("PRAGMA cache_size=-32768")
        if not exclusive:
            connection.execute("PRAGMA query_only=ON")
        _assert_sqlite(connection)

    @event.listens_for(engine, "begin")
    def start(conn: Connection) -> None:
        writes = conn.get_execution_options().get(_WRITES)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    if release is not None:
        _keep(engine, release)
    return engine


def _keep(engine: Engine, release: Callable[[], None]) -> None:
    """Copies the log of an engine that writes, until it is disposed; then gives its lock back."""
    keeper = WalKeeper(engine)

    @event.listens_for(engine, "engine_disposed")
    def end(_engine: Engine) -> None:
        keeper.close()
        release()


def _assert_sqlite(connection: Any) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    for name, value in wanted.items():
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if found != value:
            raise NotDurable(f"SQLite runs with {name}={found} and refuses {value}.")


def _lock(path: Path) -> Callable[[], None]:
    """Takes the lock beside the database and returns what gives it back."""
    name = path.with_name(path.name + ".lock")
    handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        os.close(handle)
        raise DatabaseInUse(
            f"{path} is in use by another backend process{f' ({owner})' if owner else ''}. "
            "SQLite takes one; stop that process, or use PostgreSQL."
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    held = [handle]

    def release() -> None:
        while held:
            os.close(held.pop())

    return release


def _postgresql(url: str) -> Engine:
    engine = sqlalchemy_engine(
        url,
        isolation_level="READ COMMITTED",
        **_POOL,
        hide_parameters=True,  # a row may name a person; an error's text ends in a log
        pool_pre_ping=True,
        connect_args={"options": "-c synchronous_commit=on"},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        for name in ("synchronous_commit", "fsync"):
            found = connection.execute(f"SHOW {name}").fetchone()[0]
            if found != "on":
                raise NotDurable(f"PostgreSQL runs with {name}={found}; the books need 'on'.")
        connection.rollback()

    return engine
