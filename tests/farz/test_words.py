"""What a person reads when the system refuses something: words, a name, and what to do."""

import errno
import json
import re
import sqlite3
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from backend import db
from farz.broker import Broker
from farz.errors import PartFailed, in_words, of_database
from farz.processes import Part
from tests.farz.shell import Shell

NUMBER = re.compile(r"Errno|Traceback|\bNone\b")


def test_nothing_starts_beside_a_setting_that_is_none(
    founded: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be left out of account, and with it other books or an open cookie be taken."""
    monkeypatch.setenv("FARZ_GATEWAY_DATADIR", "/var/lib/farz-gateway")
    monkeypatch.setenv("FARZ_DATABSE_URL", "postgresql://books")
    monkeypatch.setenv("FARZ_XYZ", "1")
    told = (
        "farz: FARZ_DATABSE_URL is no setting of Farz. Did you mean FARZ_DATABASE_URL?\n"
        "      FARZ_GATEWAY_DATADIR is no setting of Farz. Did you mean FARZ_GATEWAY_DATA_DIR?\n"
        "      FARZ_XYZ is no setting of Farz. Take it away: unset FARZ_XYZ\n"
    )
    for words in (("serve",), ("gateway",), ("gateway", "init"), ("people", "find", "--by", "a")):
        ended = founded(*words)
        assert (ended.returncode, ended.stdout) == (1, ""), words
        assert ended.stderr.startswith(told), ended.stderr
    assert "FARZ_GATEWAY_DATA_DIR=" in founded.done("gateway", "--help")
    doctor = json.loads(founded("doctor", "--json").stdout)["findings"]
    found = {each["check"]: each for each in doctor}["environment"]
    names = "FARZ_DATABSE_URL FARZ_GATEWAY_DATADIR FARZ_XYZ"
    assert (found["level"], found["cure"]) == (2, f"unset {names}")


def test_a_setting_that_cannot_be_read_is_told_by_its_name(
    founded: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARZ_SESSION_HOURS", "many")
    ended = founded("serve")
    assert ended.stderr.startswith("farz: FARZ_SESSION_HOURS cannot be read. "), ended.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("init", "{}/nothere.toml"), "There is no {}/nothere.toml. Look at how it is spelt"),
        (("people", "import", "{}/nothere.csv", "--by", "admin"), "There is no {}/nothere.csv."),
        (("ledger", "export", "{}/file"), "{}/file is a file or in one"),
        (("ledger", "export", "{}/file/books"), "where a folder is needed"),
        (("ledger", "verify", "--export", "{}/nothere"), "manifest.json cannot be read"),
        (("backup", "{}/file/here"), "where a folder is needed"),
        (("device", "console", "--port", "/dev/ttyNONE"), "There is no port /dev/ttyNONE. Is the"),
        (("device", "calibrate", "bin-1", "--port", "/dev/ttyNONE", "--by", "F", "--seal", "S",
          "--load", "1000", "--load", "2000"), ""),
    ],
)  # fmt: skip
def test_no_number_of_the_system_is_shown(
    founded: Shell, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "file").write_text("somebody's")
    ended = founded(*(each.format(tmp_path) for each in words))

    assert ended.returncode in (1, 2)
    assert told.format(tmp_path) in " ".join(ended.stderr.split())
    assert not NUMBER.search(ended.stderr), ended.stderr
    assert (tmp_path / "file").read_text() == "somebody's"


def test_what_has_no_words_of_ours_keeps_the_systems() -> None:
    assert in_words(OSError(errno.ENOSPC, "No space left on device", "x")).startswith("The disk")
    assert in_words(OSError(errno.EXDEV, "Invalid cross-device link", "x")) == (
        "Invalid cross-device link"
    )
    assert in_words(OSError("said otherwise")) == "said otherwise"


def kept_log(words: str) -> Path:
    found = re.search(r"Its whole log: (\S+\.log)\.", words)
    assert found, words
    return Path(found[1])


def test_a_part_that_ends_or_is_late_says_so_and_where_its_log_stays(tmp_path: Path) -> None:
    ending = Part("backend", [sys.executable, "-c", "exit('no disk here')"], tmp_path / "a.log")
    late = Part("gateway", ["sleep", "60"], tmp_path / "b.log")
    for part, limit_s, what in (
        (ending, 30.0, "backend did not start: it ended with code 1. Its last words:\nno disk"),
        (late, 0.2, "gateway did not start: it was not ready within 0 s; is the machine busy?"),
    ):
        part.start()
        with pytest.raises(PartFailed) as told:
            part.await_ready(lambda: False, limit_s)
        part.stop()
        assert what in str(told.value)
        assert "farz doctor" in str(told.value)
        log = kept_log(str(told.value))
        assert log.read_bytes() == part.log.read_bytes()
        log.unlink()


def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    with Broker(tmp_path / "one", {"x": "y"}, kind="mosquitto") as one:
        other = Broker(tmp_path / "two", {"x": "y"}, kind="mosquitto")
        other.port = one.port
        other._await_listening = lambda: None  # type: ignore[method-assign]  # the first answers
        other.start()
        assert other._process is not None
        other._process.wait(10)
        del other._await_listening
        with pytest.raises(PartFailed, match=r"The broker did not start: it ended with \d") as told:
            other._await_listening()

    kept_log(str(told.value)).unlink()
    assert "Address already in use" in str(told.value)


def test_a_database_that_is_out_of_room_says_so_whoever_was_asked(tmp_path: Path) -> None:
    """By SQLite itself: a file that may not grow any more."""
    engine = db.create_engine(f"sqlite:///{tmp_path}/small.sqlite")
    told = []
    with db.begin(engine) as conn:
        conn.exec_driver_sql("CREATE TABLE x (y)")
        conn.exec_driver_sql("PRAGMA max_page_count = 3")
        with pytest.raises(OperationalError) as wrapped:
            conn.exec_driver_sql("INSERT INTO x VALUES (zeroblob(99999))")
        told.append(of_database(wrapped.value))
        assert isinstance(wrapped.value.orig, sqlite3.Error)
        told.append(of_database(wrapped.value.orig))
    engine.dispose()

    assert all(each.startswith("The disk is full") and "Make room" in each for each in told), told
    other = of_database(OperationalError("SELECT 1", {}, sqlite3.OperationalError("locked")))
    assert other.startswith("The database does not answer.")
    assert of_database(sqlite3.OperationalError("locked")) == "locked"
    assert of_database(ValueError("ours")) == ""
