"""A backup is whole or not there; a restore looks at everything before it replaces anything."""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL

from backend import db
from farz import backups, copies, postgres, restoring
from farz.errors import FarzError
from farz.processes import await_until
from tests.farz.shell import Shell


@pytest.fixture(scope="module")
def a_town_and_its_backup(
    a_founded_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A town that has a bin, and a backup of it: made once, to copy from."""
    folder = tmp_path_factory.mktemp("taken")
    town = Shell(folder / "town")
    shutil.copytree(a_founded_folder, town.folder)
    town.done("device", "provision", "bin-1", "--point", "School")
    town.done("backup", str(folder / "first"))
    return town.folder, folder / "first"


@pytest.fixture
def taken(founded: Shell, tmp_path: Path, a_town_and_its_backup: tuple[Path, Path]) -> Path:
    """A backup of a town that has a bin; the town is that one."""
    town, backup = a_town_and_its_backup
    shutil.rmtree(founded.folder)
    shutil.copytree(town, founded.folder)
    shutil.copytree(backup, tmp_path / "elsewhere" / "first")
    return tmp_path / "elsewhere" / "first"


def test_a_backup_tells_what_it_is_of_and_keeps_secrets_out(founded: Shell, taken: Path) -> None:
    manifest = json.loads((taken / "manifest.json").read_text())
    names = {each.name for each in taken.iterdir()}

    assert names == {"audit.sqlite", "books.sqlite", "manifest.json"}
    assert manifest["town"] == "Test village (synthetic)"
    assert (manifest["engine"], manifest["transfers"]) == ("sqlite", 0)
    secret = (founded.folder / "town.secret").read_text().strip()
    assert all(bytes.fromhex(secret) not in each.read_bytes() for each in taken.iterdir())
    assert manifest["secret"] not in secret
    assert taken.stat().st_mode & 0o077 == 0
    founded.done("backup", str(taken.parent / "all"), "--telemetry")
    assert (taken.parent / "all" / "telemetry.sqlite").stat().st_size > 0
    (founded.folder / "telemetry.sqlite").unlink()
    founded.done("restore", str(taken.parent / "all"))
    with closing(sqlite3.connect(founded.folder / "telemetry.sqlite")) as series:
        assert series.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,)


def test_a_copy_that_is_damaged_is_no_backup(tmp_path: Path) -> None:
    """Each page is whole, and what they hold is not."""
    with closing(sqlite3.connect(tmp_path / "books.sqlite")) as books, books:
        books.execute("CREATE TABLE transfer (amount)")
        books.execute("INSERT INTO transfer VALUES (NULL)")
        books.execute("PRAGMA writable_schema = 1")
        books.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE transfer (amount NOT NULL)'")

    with pytest.raises(FarzError, match=r"damaged: NULL value in transfer\.amount"):
        copies.copy_sqlite(tmp_path / "books.sqlite", tmp_path / "copy.sqlite")


def test_a_restored_town_is_as_it_was_and_only_reads_until_it_is_told(
    founded: Shell, taken: Path
) -> None:
    founded.done("device", "provision", "bin-2", "--point", "School")

    with closing(sqlite3.connect(founded.folder / "audit.sqlite")) as audit, audit:
        audit.execute("CREATE TABLE written_since (x)")

    told = founded.done("restore", str(taken))

    with closing(sqlite3.connect(founded.folder / "audit.sqlite")) as audit:
        assert audit.execute("SELECT count(*) FROM written_since").fetchone() == (0,), "newer"
    assert "What was there is kept as books.sqlite.before-" in told
    assert "A new log was opened" in told  # nobody can know what was signed since
    assert "bin-1" in (devices := founded.done("device", "list"))
    assert "bin-2" not in devices
    assert json.loads(founded.done("ledger", "verify", "--json"))["ok"] is True
    assert json.loads(founded.done("recovery", "--json"))["complete"] is True
    assert "open again" in founded.done("recovery", "--end")
    assert founded("recovery").returncode == 1


def test_a_checkpoint_that_fits_needs_no_new_log(founded: Shell, tmp_path: Path) -> None:
    founded.done("ledger", "checkpoint", "--sign")
    founded.done("backup", str(tmp_path / "b"))

    (founded.folder / "audit.sqlite").unlink()
    assert "new log" not in founded.done("restore", str(tmp_path / "b"))
    with closing(sqlite3.connect(founded.folder / "audit.sqlite")) as audit:
        assert audit.execute("SELECT count(*) FROM audit").fetchone() is not None

    (founded.folder / "published" / "checkpoint").write_text("farz.example/1\n9\nAAAA\n\n— x y\n")
    assert "A new log was opened" in founded.done("restore", str(tmp_path / "b"))


def test_a_second_restore_never_opens_a_log_of_a_name_that_was_used(
    founded: Shell, tmp_path: Path
) -> None:
    founded.done("backup", str(tmp_path / "b"))
    for reason in ("first", "second"):
        founded.done("ledger", "new-log", reason)
    founded.done("ledger", "checkpoint", "--sign")

    told = founded.done("restore", str(tmp_path / "b"))

    assert "/log-4:" in told


def test_nothing_is_replaced_by_what_is_not_whole(founded: Shell, taken: Path) -> None:
    before = (founded.folder / "books.sqlite").read_bytes()
    books = taken / "books.sqlite"
    books.write_bytes(books.read_bytes()[:-1] + b"x")

    changed = founded("restore", str(taken))
    books.unlink()
    missing = founded("restore", str(taken))
    junk = founded("restore", str(taken.parent))

    assert "not as it was written" in changed.stderr
    assert "is missing" in missing.stderr
    assert "no backup: there is no manifest.json in it" in junk.stderr
    assert {each.returncode for each in (changed, missing, junk)} == {1}
    assert "Traceback" not in changed.stderr + missing.stderr + junk.stderr
    assert (founded.folder / "books.sqlite").read_bytes() == before


def test_a_backup_opens_nothing_without_its_own_secret(founded: Shell, taken: Path) -> None:
    (founded.folder / "town.secret").write_text("ab" * 32 + "\n")

    ended = founded("restore", str(taken))

    assert ended.returncode == 1
    assert "is not this town's" in ended.stderr
    (founded.folder / "town.secret").unlink()
    assert "There is no town secret" in founded("restore", str(taken)).stderr


# A law of the ledger and one of the programme.
WRONG = (
    "UPDATE ledger_head SET next_id = 5; DROP TRIGGER account_no_update; "
    "UPDATE account SET owner_ref = 'person:77' WHERE id = 3"
)
LAWS = ("I5: the next id is 5 after 0 transfers", "I6: an account's owner is nobody who was")


def forge(taken: Path, statements: str) -> None:
    """Whoever alters a backup's books can count its files as well."""
    books = taken / "books.sqlite"
    with closing(sqlite3.connect(books)) as wrong:
        wrong.executescript(statements)
    manifest = json.loads((taken / "manifest.json").read_text())
    manifest["files"]["books.sqlite"] = backups._hash(books)
    (taken / "manifest.json").write_text(json.dumps(manifest))


def test_books_that_are_wrong_are_restored_on_demand_alone(founded: Shell, taken: Path) -> None:
    founded.done("device", "provision", "bin-2", "--point", "School")
    forge(taken, WRONG)

    ended = founded("restore", str(taken))

    assert ended.returncode == 1
    assert "Verifying the books of the backup, 0 transfers ..." in ended.stderr
    assert "The books in this backup are not right:" in ended.stderr
    assert all(law in ended.stderr for law in LAWS)
    assert "Nothing was replaced. Restore an older copy." in ended.stderr
    assert "bin-2" in founded.done("device", "list")
    assert not list(founded.folder.glob("books.sqlite.*restor*"))
    assert not list(founded.folder.glob("books.sqlite.before-*"))
    assert founded("recovery").returncode == 1

    told = founded("restore", str(taken), "--anyway", "--json")

    assert told.returncode == 0
    found = json.loads(told.stdout)["problems"]
    assert all(any(each.startswith(law) for each in found) for law in LAWS)
    assert f"Taken although it is not right: {LAWS[0]}" in told.stderr
    assert "bin-2" not in founded.done("device", "list")


def test_a_dump_that_is_refused_leaves_its_database_empty(
    farz: Shell, tmp_path: Path, postgres_server: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that an older copy can be put there, be it of an older version."""
    mark = farz.folder / "restoring"
    with postgres.database(postgres_server) as lost, postgres.database(postgres_server) as url:
        monkeypatch.setenv("FARZ_DATABASE_URL", lost)
        farz.done("init", "Test village (synthetic)", typed="a password for the first\n")
        farz.done("backup", str(tmp_path / "right"))
        _at(lost, "UPDATE ledger_head SET next_id = 5")
        farz.done("backup", str(tmp_path / "wrong"))

        monkeypatch.setenv("FARZ_DATABASE_URL", url)
        ended = farz("restore", str(tmp_path / "wrong"))

        assert (ended.returncode, LAWS[0] in ended.stderr) == (1, True)
        copies.require_empty(url)
        assert not mark.exists()

        mark.write_text(copies.name_of(lost))  # a restore into another database broke off
        farz.done("restore", str(tmp_path / "right"))
        assert json.loads(farz.done("ledger", "verify", "--json"))["ok"] is True
        assert "has tables already" in farz("restore", str(tmp_path / "right")).stderr
        mark.write_text(copies.name_of(url))  # one into this database did, or is at work
        with copies.alone(url):
            assert "Another restore into" in farz("restore", str(tmp_path / "right")).stderr
        with pytest.raises(FarzError, match="has tables already"):
            copies.require_empty(url)
        farz.done("restore", str(tmp_path / "right"))
        assert not mark.exists()


def test_an_audit_log_is_restored_whole_or_not_at_all(
    founded: Shell, taken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        if source.name == backups.AUDIT:
            target.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        whole(source, target)

    (founded.folder / "audit.sqlite").unlink()
    whole = copies.copy_sqlite
    monkeypatch.setenv("FARZ_DATA_DIR", str(founded.folder))
    monkeypatch.setattr(copies, "copy_sqlite", full)
    with pytest.raises(OSError, match="No space left"):
        restoring.restore(taken)
    assert not (founded.folder / "audit.sqlite").exists()

    monkeypatch.setattr(copies, "copy_sqlite", whole)
    restoring.restore(taken)
    with closing(sqlite3.connect(founded.folder / "audit.sqlite")) as audit:
        assert audit.execute("SELECT count(*) FROM audit").fetchone() is not None


def _at(url: str, statement: str) -> None:
    engine = db.create_engine(url)
    with db.begin(engine) as conn:
        conn.exec_driver_sql(statement)
    engine.dispose()


def test_books_that_are_served_are_not_replaced(founded: Shell, taken: Path) -> None:
    serving = db.create_engine(f"sqlite:///{founded.folder}/books.sqlite")

    ended = founded("restore", str(taken))
    serving.dispose()

    assert ended.returncode == 1
    assert "in use by another backend process" in ended.stderr


def test_a_backup_is_never_written_over(founded: Shell, taken: Path) -> None:
    assert "is there already" in founded("backup", str(taken)).stderr
    assert "FARZ_BACKUP_DIR" in founded("backup").stderr
    assert "Write it like 15m" in founded("backup", str(taken), "--every", "soon").stderr


def test_a_backup_that_breaks_off_leaves_nothing(
    founded: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("FARZ_DATA_DIR", str(founded.folder))
    monkeypatch.setattr(copies, "copy_sqlite", full)

    with pytest.raises(OSError, match="No space left"):
        backups.backup(tmp_path / "kept" / "first")

    assert list((tmp_path / "kept").iterdir()) == []


@pytest.fixture
def keeper(founded: Shell, tmp_path: Path) -> Iterator[Path]:
    """`farz backup --every 1s` at work."""
    folder = tmp_path / "kept"
    part = founded.start("backup", str(folder), "--every", "1s", "--keep", "2")
    yield folder
    part.stop()
    assert part.exit_code == 0
    assert not list(folder.glob(".*.part"))


def test_backups_go_on_while_something_changes(founded: Shell, keeper: Path) -> None:
    await_until(lambda: len(backups.there(keeper)) == 1, 60, "the first backup")
    time.sleep(2.5)
    assert len(backups.there(keeper)) == 1, "nothing has changed since"
    aside = keeper.rename(keeper.with_name("aside"))
    keeper.write_text("a disk that is away")
    founded.done("device", "provision", "bin-1", "--point", "School")
    log = founded.folder / "backup.log"
    await_until(lambda: "is tried again" in log.read_text(), 60, "a backup that failed")
    keeper.unlink()
    aside.rename(keeper)

    await_until(lambda: len(backups.there(keeper)) >= 2, 60, "the second backup")

    newest = keeper / backups.there(keeper)[-1]
    backups.check_files(newest, backups.read_manifest(newest))


def test_old_backups_go_but_one_a_day_is_kept() -> None:
    names = [f"2026-11-{day:02}T{hour:02}0000Z" for day in range(1, 28) for hour in (1, 9, 17)]

    gone = backups.to_remove(names, keep=4, days=10)
    kept = sorted(set(names) - set(gone))

    assert kept[-4:] == sorted(names)[-4:]
    assert kept[:9] == [f"2026-11-{day}T170000Z" for day in range(18, 27)]
    assert len(kept) == 9 + 3
    assert backups.to_remove(names[:3], keep=4) == []


@pytest.mark.parametrize(("text", "length_s"), [("90s", 90), ("15m", 900), ("2h", 7200)])
def test_lengths_of_time_are_read(text: str, length_s: int) -> None:
    assert backups.seconds(text) == length_s


@pytest.mark.parametrize("text", ["", "15", "m", "0m", "-5m", "1.5h", "15 m"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(FarzError):
        backups.seconds(text)
