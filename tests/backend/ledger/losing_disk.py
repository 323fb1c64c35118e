"""A disk that forgets what was not synced, under SQLite itself: a VFS written with apsw.

The files are real, so that all connections see the same bytes; beside each stands what a power
cut would leave: what was there at the last sync, and any part of what was written since. The
module is also the DB-API that SQLAlchemy's SQLite dialect speaks to, for it is apsw's SQLite,
not Python's, that knows the VFS.
"""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512

# DB-API 2, as far as SQLAlchemy and the poster use it.
apilevel, threadsafety, paramstyle = "2.0", 1, "qmark"
Binary = bytes
sqlite_version = apsw.sqlite_lib_version()
sqlite_version_info = tuple(int(part) for part in sqlite_version.split("."))


class Error(Exception):
    pass


class DatabaseError(Error):
    pass


class OperationalError(DatabaseError):
    pass


class IntegrityError(DatabaseError):
    pass


class DataError(DatabaseError):
    pass


class InterfaceError(Error):
    pass


class InternalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except apsw.ConstraintError as error:
        raise IntegrityError(str(error)) from error
    except apsw.Error as error:
        raise OperationalError(str(error)) from error


class Cursor:
    """A cursor that reads its whole result at once."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: Iterator[Any] = iter(())
        self.description: Sequence[Any] | None = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "Cursor":
        return self._run(lambda cursor: cursor.execute(statement, parameters))

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> "Cursor":
        return self._run(lambda cursor: cursor.executemany(statement, rows))

    def _run(self, work: Callable[[apsw.Cursor], apsw.Cursor]) -> "Cursor":
        self.description = None
        with _translated():
            cursor = self._connection.apsw.cursor()
            # Of a statement without rows the columns are only known before its first step.
            cursor.exec_trace = self._describe
            before = self._connection.apsw.total_changes()
            self._rows = iter(list(work(cursor)))
            self.rowcount = self._connection.apsw.total_changes() - before
        return self

    def _describe(self, cursor: apsw.Cursor, *_: object) -> bool:
        columns = cursor.get_description()
        self.description = [(c[0], *[None] * 6) for c in columns] if columns else None
        return True

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int = arraysize) -> list[Any]:
        return [row for row, _ in zip(self._rows, range(size), strict=False)]

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def close(self) -> None:
        self._rows = iter(())


class Connection:
    """apsw's connection on the losing disk."""

    isolation_level: str | None = None

    def __init__(self, path: str, timeout_s: float) -> None:
        with _translated():
            self.apsw = apsw.Connection(path, vfs=VFS)
            self.apsw.set_busy_timeout(int(timeout_s * 1000))

    @property
    def total_changes(self) -> int:
        return self.apsw.total_changes()

    def cursor(self) -> Cursor:
        return Cursor(self)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self.cursor().execute(statement, parameters)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> Cursor:
        return self.cursor().executemany(statement, rows)

    def commit(self) -> None:
        if self.apsw.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.apsw.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, name: str, arguments: int, function: Any, **_: object) -> None:
        self.apsw.create_scalar_function(name, function, arguments)

    def close(self) -> None:
        self.apsw.close()


def connect(path: str, timeout: float = 5, **_: object) -> Connection:
    return Connection(path, timeout)


@dataclass(slots=True)
class _Kept:
    """A file as it is on the platter (None: its name is not), and what only memory has."""

    platter: bytearray | None = None
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def sync(self) -> None:
        self.platter = self.platter or bytearray()
        for change in self.pending:
            _apply(self.platter, change)
        self.pending.clear()

    def after_power_cut(self, dice: random.Random) -> bytes | None:
        """The platter, and of each sector written since either the old or the new."""
        if self.platter is None and (not self.pending or dice.random() < 0.5):
            return None
        left, keep = bytearray(self.platter or b""), dice.random()
        for offset, data in self.pending:
            if data is None:
                if dice.random() < keep:
                    _apply(left, (offset, None))
                continue
            first = -offset % SECTOR
            for start in (0, *range(first or SECTOR, len(data), SECTOR)):
                end = first if start == 0 and first else start + SECTOR
                if dice.random() < keep:
                    _apply(left, (offset + start, data[start:end]))
        return bytes(left)


def _apply(content: bytearray, change: tuple[int, bytes | None]) -> None:
    offset, data = change
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class LosingDisk(apsw.VFS):
    """Registers itself. `moment` is called before each write or sync, without the lock held."""

    def __init__(self) -> None:
        super().__init__(VFS, base="")
        self.lock = threading.RLock()
        self.files: dict[str, _Kept] = {}
        self.moment: Callable[[], None] = lambda: None

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        with self.lock:
            self.files.pop(filename, None)
            super().xDelete(filename, syncdir)

    def cut(self, folder: Path, dice: random.Random) -> None:
        """Writes to `folder` what would be found if the power went now; nothing here changes."""
        with self.lock:
            left = {path: kept.after_power_cut(dice) for path, kept in self.files.items()}
        for path, content in left.items():
            if content is not None:
                (folder / Path(path).name).write_bytes(content)


class _File(apsw.VFSFile):
    def __init__(self, disk: LosingDisk, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        super().__init__("", name, flags)
        self._disk = disk
        with disk.lock:
            self._kept = disk.files.setdefault(path, _Kept()) if path else _Kept()

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.moment()
        with self._disk.lock:
            super().xWrite(data, offset)
            self._kept.pending.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        with self._disk.lock:
            super().xTruncate(size)
            self._kept.pending.append((size, None))

    def xSync(self, flags: int) -> bool:
        self._disk.moment()
        with self._disk.lock:
            self._kept.sync()
        return True


VFS = "losing"
