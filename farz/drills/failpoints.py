"""Failpoints at the driver: nothing in the poster knows of them.

Every statement that an engine sends (BEGIN, each execute, each bulk, COMMIT) is counted. At the
armed one the strike comes, before the database has seen it or after its answer is lost.
"""

import contextlib
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from sqlalchemy import Engine, event

When = Literal["before", "after"]
How = Literal["error", "cut", "kill"]


@dataclass(slots=True)
class Failpoint:
    """Strikes once, at statement number `at` (from 1) of one thread since it was armed."""

    thread: str
    at: int = 0
    when: When = "before"
    how: How = "error"
    count: int = 0
    struck: bool = False

    def arm(self, at: int, when: When, how: How) -> None:
        self.at, self.when, self.how, self.count, self.struck = at, when, how, 0, False

    def disarm(self) -> None:
        self.at = 0

    def _counts(self) -> bool:
        return threading.current_thread().name == self.thread

    def begin(self, error: Callable[[bool], Exception]) -> None:
        """Counts a statement that is about to be sent."""
        if self._counts():
            self.count += 1
            self._strike("before", error)

    def end(self, error: Callable[[bool], Exception]) -> None:
        """The statement has been carried out."""
        if self._counts():
            self._strike("after", error)

    def _strike(self, when: When, error: Callable[[bool], Exception]) -> None:
        if self.struck or not self.at or self.count != self.at or self.when != when:
            return
        self.struck = True
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise error(self.how == "cut")


def install(engine: Engine, thread: str) -> Failpoint:
    """A failpoint for a thread, in every connection that the engine makes from now on."""
    failpoint = Failpoint(thread)
    sqlite = _sqlite_connection(failpoint)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, cargs: Any, cparams: dict[str, Any]) -> Any:
        if engine.dialect.name == "sqlite":
            cparams["factory"] = sqlite
            return None
        connection: Any = _PgConnection.connect(*cargs, **cparams)
        connection.failpoint = failpoint
        connection.cursor_factory = _PgCursor
        return connection

    return failpoint


def _sqlite_error(_cut: bool) -> Exception:
    return sqlite3.OperationalError("failpoint")


def _sqlite_connection(failpoint: Failpoint) -> type[sqlite3.Connection]:
    @contextlib.contextmanager
    def counted() -> Iterator[None]:
        failpoint.begin(_sqlite_error)
        yield
        failpoint.end(_sqlite_error)

    class Cursor(sqlite3.Cursor):
        def execute(self, *words: Any) -> Any:
            with self._reset_by_an_error(), counted():
                return super().execute(*words)

        def executemany(self, *words: Any) -> Any:
            with self._reset_by_an_error(), counted():
                return super().executemany(*words)

        @contextlib.contextmanager
        def _reset_by_an_error(self) -> Iterator[None]:
            """As the driver does it: a read left open would keep the connection in the past."""
            try:
                yield
            except sqlite3.Error:
                self.close()
                raise

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any) -> Any:
            return super().cursor(Cursor)

        def commit(self) -> None:
            with counted():
                super().commit()

    return Connection


class _PgConnection(psycopg.Connection[Any]):
    failpoint: Failpoint

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        self.failpoint.begin(self._error)
        yield
        self.failpoint.end(self._error)

    def _error(self, cut: bool) -> Exception:
        if cut:
            self.pgconn.finish()
        return psycopg.OperationalError("failpoint")

    def commit(self) -> None:
        if not hasattr(self, "failpoint"):
            return super().commit()
        with self.counted():
            super().commit()
        return None


class _PgCursor(psycopg.Cursor[Any]):
    @property
    def _counted(self) -> Callable[[], contextlib.AbstractContextManager[None]]:
        connection: Any = self.connection
        counted: Callable[[], contextlib.AbstractContextManager[None]] = connection.counted
        return counted

    def execute(self, *words: Any, **rest: Any) -> Any:
        with self._counted():
            return super().execute(*words, **rest)

    def executemany(self, *words: Any, **rest: Any) -> None:
        with self._counted():
            super().executemany(*words, **rest)

    @contextlib.contextmanager
    def copy(self, *words: Any, **rest: Any) -> Iterator[Any]:
        with self._counted(), super().copy(*words, **rest) as copy:
            yield copy
