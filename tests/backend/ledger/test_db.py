"""Laws of the engines: durable or refused, one writer, and append-only by trigger."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from backend import db
from backend.ledger import accounts
from backend.ledger import tables as t
from backend.ledger.transfers import Credit
from tests.backend.ledger.town import TOWN, Town, done, entry


def test_sqlite_is_durable_at_every_connection(sqlite_url: str) -> None:
    engine = db.create_engine(sqlite_url)
    with db.read(engine) as one, db.read(engine) as other:
        for conn in (one, other):
            assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def test_postgresql_commits_synchronously_though_the_database_says_otherwise(
    postgres_url: str,
) -> None:
    first = db.create_engine(postgres_url)
    with first.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        name = conn.exec_driver_sql("SELECT current_database()").scalar()
        conn.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    first.dispose()
    engine = db.create_engine(postgres_url)
    with db.read(engine) as conn:
        assert conn.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    engine.dispose()


def test_a_write_runs_at_read_committed_and_a_read_sees_one_moment(postgres_url: str) -> None:
    engine = db.create_engine(postgres_url)
    with db.begin(engine) as conn:
        assert conn.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
    with db.read(engine) as conn:
        assert conn.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
        assert conn.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
    engine.dispose()


def test_a_second_process_is_refused_the_sqlite_books_in_words(sqlite_url: str) -> None:
    engine = db.create_engine(sqlite_url)
    root = Path(__file__).parents[3]
    program = f"from backend import db; db.create_engine({sqlite_url!r})"
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    engine.dispose()
    after = subprocess.run([sys.executable, "-c", program], cwd=root, check=False)

    assert other.returncode != 0
    assert "in use by another backend process" in other.stderr
    assert after.returncode == 0


def test_a_reader_of_sqlite_needs_no_lock_and_cannot_write(sqlite_url: str) -> None:
    engine = db.create_engine(sqlite_url)
    t.metadata.create_all(engine)
    reader = db.create_engine(sqlite_url, exclusive=False)

    with db.read(reader) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM account").scalar() == 0
    with pytest.raises(DBAPIError), db.begin(reader) as conn:
        accounts.open_ledger(conn, TOWN, 1)
    reader.dispose()
    engine.dispose()


def test_a_reader_of_sqlite_is_sent_away_after_its_time(sqlite_url: str) -> None:
    """Its snapshot would keep the write-ahead log from being cut."""
    engine = db.create_engine(sqlite_url)
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) "
    endless, short = (text(f"{counted.format(most)}SELECT count(*) FROM n") for most in (-1, 9**6))

    with pytest.raises(db.ReadTooLong, match="shorter"), db.read(engine, 0.1) as conn:
        conn.execute(endless)
    with db.read(engine, 0) as conn:
        conn.execute(text("SELECT 1"))  # what is over at once is not looked at
    with db.read(engine) as conn:
        assert conn.scalar(short) == 9**6
    engine.dispose()


def test_an_error_in_a_write_leaves_nothing(engine: Engine) -> None:
    def open_and_fail() -> None:
        with db.begin(engine) as conn:
            accounts.open_ledger(conn, TOWN, 1)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        open_and_fail()

    with db.read(engine) as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM ledger_head").scalar() == 0


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://localhost/x"])
def test_books_are_kept_in_a_file_or_a_server_only(url: str) -> None:
    with pytest.raises(ValueError):
        db.create_engine(url)


@pytest.mark.parametrize("table", t.APPEND_ONLY)
def test_history_is_neither_changed_nor_deleted(town: Town, table: str) -> None:
    member = town.account()
    done(town.poster.submit(entry(1, Credit(member, 5))))
    done(town.poster.submit(entry(1, Credit(member, 5), words="other")))
    # Of these two one change is let through, so that their triggers look at each row.
    by_row = town.engine.dialect.name == "sqlite" or table in ("record", "quarantine")
    column = "received_s" if by_row and table in ("record", "quarantine") else "ledger_id"

    for statement in (f"UPDATE {table} SET {column} = {column} + 1", f"DELETE FROM {table}"):
        with db.read(town.engine) as conn:
            empty = conn.execute(text(f"SELECT count(*) FROM {table}")).scalar() == 0
        if empty and (by_row if statement.startswith("UPDATE") else town.engine.name == "sqlite"):
            # A trigger by row has nothing to refuse; the tables that are empty share the words.
            continue
        with pytest.raises(DBAPIError, match="append-only"), db.begin(town.engine) as conn:
            conn.execute(text(statement))
