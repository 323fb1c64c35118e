"""`farz backup` and `farz restore` for the embedded books: one file, copied while serving.

SQLite's own online backup takes the copy; a restore verifies the ledger in the file before it
puts it in place, and keeps what was there beside it. PostgreSQL has tools of its own.
"""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from farz.errors import FarzError
from farz.town import verify_file


def _books() -> Path:
    from backend.settings import Settings

    url = Settings().books_url
    if not url.startswith("sqlite:///"):
        raise FarzError(
            "These books are in PostgreSQL; back them up with pg_dump or pg_basebackup."
        )
    return Path(url.removeprefix("sqlite:///"))


def backup(target: Path) -> str:
    """Copy the books to `target`; refuses to write over a file."""
    books = _books()
    if not books.exists():
        raise FarzError(f"There are no books at {books}. Run: farz init")
    if target.exists():
        raise FarzError(f"{target} is there already; name a new file.")
    part = target.with_name(target.name + ".part")
    with (
        closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(part)) as copy,
    ):
        source.backup(copy)
    _on_disk(part)
    part.rename(target)
    _on_disk(target.parent)
    return f"{target}: {target.stat().st_size} bytes"


def restore(source: Path) -> str:
    """Put a verified backup in place of the books; db.DatabaseInUse while a backend serves."""
    from backend import db

    books = _books()
    if not source.exists():
        raise FarzError(f"{source} does not exist.")
    engine = db.create_engine(f"sqlite:///{books}")  # takes the lock of the one backend process
    try:
        return _replace(books, source)
    finally:
        engine.dispose()


def _replace(books: Path, source: Path) -> str:
    fresh = books.with_name(books.name + ".restoring")
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(fresh)) as new:
        old.backup(new)
    verify_file(fresh)
    kept = ""
    if books.exists():
        aside = books.with_name(f"{books.name}.before-{int(time.time())}")
        for suffix in ("", "-wal", "-shm"):
            if (part := books.with_name(books.name + suffix)).exists():
                part.rename(aside.with_name(aside.name + suffix))
        kept = f"; what was there is kept as {aside.name}"
    fresh.rename(books)
    _on_disk(books.parent)
    return f"{books} restored from {source}{kept}"


def _on_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
