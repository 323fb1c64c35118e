"""Each of the doctor's questions about a town: what it calls wrong, and the cure it names."""

import json
import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from backend import db
from backend import tables as t
from backend.access import service as access
from backend.cards import caps
from backend.devices import certificates
from backend.ledger.tables import ledger_head
from backend.recovery import tables as r
from edge_gateway import attest
from farz import backups, doctor
from farz.checkups import gateway, town
from farz.checkups.finding import WARNING, WELL, WRONG
from tests.backend import village
from tests.backend.village import START_S, Town
from tests.fixtures.time_series import influx_server

DAY_S = 86_400
NOW_S = int(time.time())


@pytest.fixture
def here(tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A synthetic town in the place where `farz` looks for one."""
    folder = tmp_path / "town"
    folder.mkdir()
    shutil.copy(migrated_file, folder / "books.sqlite")
    monkeypatch.setenv("FARZ_DATA_DIR", str(folder))
    with village.town(folder, f"sqlite:///{folder}/books.sqlite") as made:
        yield made


def cap(made: Town) -> None:
    with made.services.begin() as conn:
        caps.set_cap(conn, 1, daily_g=5, daily_amount=None, decided_by="s", from_s=START_S)


def speak(languages: str) -> Callable[[Town], None]:
    def change(made: Town) -> None:
        with made.services.begin() as conn:
            conn.execute(update(t.town).values(languages=languages))

    return change


def lead(made: Town) -> None:
    """The books were written to under a clock an hour ahead."""
    with made.services.begin() as conn:
        conn.execute(update(ledger_head).values(clock_us=(NOW_S + 3_600) * 1_000_000))


def restored(made: Town) -> None:
    with made.services.begin() as conn:
        conn.execute(r.recovery.insert().values(ledger_id=1, id=1, taken_s=5, began_s=9))


def hire(made: Town) -> None:
    """A third who may approve tariffs."""
    who = {"login": "salma", "name": "Salma (synthetic)", "role": "approver", "now_s": START_S}
    with made.services.begin() as conn:
        access.create_staff(conn, 1, password="a password for salma", **who)


def alter(made: Town) -> None:
    """A row of the books that contradicts the others."""
    with made.services.begin() as conn:
        conn.execute(update(ledger_head).values(next_id=77))


def age(made: Town) -> None:
    """Tables of a version before."""
    with made.services.begin() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0030'")


def unprice(made: Town) -> None:
    """A town that has no tariff: its rates came to their end."""
    with made.services.begin() as conn:
        for kind in ("update", "delete"):
            conn.exec_driver_sql(f"DROP TRIGGER tariff_no_{kind}")
        conn.execute(update(t.tariff).values(from_s=5, until_s=9))


def lose_secret(made: Town) -> None:
    """Another town's secret lies in its place."""
    made.services.settings.secret_path.write_text("ab" * 32 + "\n")


def spoil_series(made: Town) -> None:
    """The time series' file is none."""
    made.services.telemetry.store.close()
    made.services.settings.telemetry_path.write_bytes(b"something else" * 999)


def nothing(_made: Town) -> None:
    """The town as it is."""


CASES: list[tuple[Any, Callable[[Town], None], int, str, str]] = [
    (town.plain_cards, nothing, WARNING, "not capped", "farz card cap --grams 30000 --by"),
    (town.plain_cards, cap, WELL, "capped at 5 g", ""),
    (town.languages, speak("ar,tlh"), WARNING, "no pages in tlh", "pybabel init"),
    (town.languages, speak("ar,en"), WELL, "ar, en", ""),
    (town.clock_of_books, lead, WRONG, "ahead of this machine's clock", "set-ntp true"),
    (town.clock_of_books, nothing, WELL, "not ahead", ""),
    (town.recovery, restored, WARNING, "only reads", "farz recovery"),
    (town.recovery, nothing, WELL, "none is going on", ""),
    (town.devices, nothing, WARNING, "bin-1 is never seen", "farz device list"),
    (town.tariff, nothing, WELL, "in force: 1", ""),
    (town.approvers, nothing, WARNING, "2 of the staff may approve", "farz staff add"),
    (town.approvers, hire, WELL, "3 may approve", ""),
    (town.ledger, nothing, WELL, "transfers fold", ""),
    (town.ledger, alter, WRONG, "next id", "farz ledger verify"),
    (town.tables, nothing, WELL, "at this version", ""),
    (town.tables, age, WRONG, "older than this program", "farz migrate"),
    (town.tariff, unprice, WARNING, "none is in force", "farz tariff draft"),
    (town.secret, nothing, WELL, "this town's", ""),
    (
        town.secret,
        lose_secret,
        WRONG,
        "is not the one that this town",
        "cp /where/it/is/kept/town.secret",
    ),
    (town.series, nothing, WELL, "embedded", ""),
    (town.series, spoil_series, WRONG, "telemetry.sqlite: file is not", "restart farz-backend"),
    (town.backup, nothing, WARNING, "FARZ_BACKUP_DIR is not set", "farz backup --every 15m"),
]


@pytest.mark.parametrize(
    ("check", "change", "level", "words", "cure"),
    CASES,
    ids=[f"{case[0].__name__}-{case[1].__name__}" for case in CASES],
)
def test_a_check_sees_what_is_wrong_and_names_its_cure(
    here: Town, check: Any, change: Callable[[Town], None], level: int, words: str, cure: str
) -> None:
    change(here)

    found = check("asked")

    assert (found.level, words in found.words) == (level, True), found
    assert (cure in found.cure) if cure else found.cure == ""


def test_no_backup_an_old_one_and_a_new_one_are_told_apart(
    here: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backups"
    monkeypatch.setenv("FARZ_BACKUP_DIR", str(folder))
    none = town.backup("backup")
    made, manifest = backups.new_in(folder)
    new = town.backup("backup")
    old_s = manifest.taken_s - 3 * town.BACKUP_OLD_S
    text = json.loads((made / "manifest.json").read_text()) | {"taken_s": old_s}
    (made / "manifest.json").write_text(json.dumps(text))
    old = town.backup("backup")

    assert [each.level for each in (none, new, old)] == [WRONG, WELL, WRONG]
    assert "there is none" in none.words
    assert "72 hours old" in old.words
    assert none.cure == old.cure == "farz backup --every 15m"


def test_an_idle_town_needs_no_new_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARZ_DATA_DIR", str(tmp_path))
    books, log = tmp_path / "books.sqlite", tmp_path / "books.sqlite-wal"
    books.write_bytes(b"written long ago")
    os.utime(books, (NOW_S - DAY_S, NOW_S - DAY_S))
    log.touch()  # as whoever only reads leaves it
    idle = town._newer_than(NOW_S - 100)
    log.write_bytes(b"something")

    assert (idle, town._newer_than(NOW_S - 100)) == (False, True)


def test_a_time_series_that_does_not_answer_is_wrong(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARZ_INFLUX_URL", "http://127.0.0.1:9")

    found = town.series("time series")

    assert (found.level, found.cure) == (WRONG, "systemctl status influxdb")


def test_a_time_series_that_says_no_is_wrong(
    here: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """InfluxDB answers a ping to everybody: the doctor asks for what the town's token may read."""
    with influx_server(tmp_path, auth=True) as url:
        monkeypatch.setenv("FARZ_INFLUX_URL", url)
        found = town.series("time series")

    assert (found.level, "answers 401" in found.words) == (WRONG, True)
    assert "FARZ_INFLUX_TOKEN" in found.cure


def test_backups_that_cannot_be_read_are_told(
    here: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.write_text("a disk that is away")
    monkeypatch.setenv("FARZ_BACKUP_DIR", str(folder))
    no_folder = town.backup("backup")
    folder.unlink()
    half = folder / "2026-11-01T000000Z"
    half.mkdir(parents=True)
    (half / "manifest.json").write_text("{")
    no_manifest = town.backup("backup")

    assert (no_folder.level, no_folder.cure) == (WRONG, f"ls -ld {folder}")
    assert "a folder is needed" in no_folder.words
    assert (no_manifest.level, no_manifest.cure) == (WRONG, "farz backup --every 15m")
    assert "is no backup" in no_manifest.words


def test_little_room_and_a_setting_that_is_none_are_wrong(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(town, "FREE_BYTES", 2**62)
    room = town.data_dir("data directory")
    monkeypatch.setenv("FARZ_SESSION_HOURS", "many")
    wrong = town.settings("settings")

    assert (room.level, "MiB free" in room.words, room.cure[:6]) == (WRONG, True, "du -sh")
    assert (wrong.level, wrong.cure) == (WRONG, "unset FARZ_SESSION_HOURS")


def test_a_check_that_falls_ill_is_a_finding(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def ill(_name: str) -> Any:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(doctor, "TOWN", {"ill": ill})
    found = {each.check: each for each in doctor.examine()}["ill"]

    assert (found.level, "nobody thought of this" in found.words) == (WRONG, True)


def test_whatever_is_not_well_names_a_cure(here: Town) -> None:
    findings = doctor.examine()

    assert {"plain cards", "backup", "ledger"} <= {each.check for each in findings}
    assert [each for each in findings if each.level != WELL and not each.cure] == []
    with db.read(here.services.engine):  # it only looked: the books are still this process's
        assert here.outcome(here.bin.deposit())[0] == "credited"


@pytest.fixture
def a_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What a running gateway would say of itself, at the place where it says it."""
    said: dict[str, Any] = {"gateway": "town-hall", "ok": True, "connected": True, "lag_s": 2}

    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            raw = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Nothing on the tests' screen."""

    server = HTTPServer(("127.0.0.1", 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("FARZ_GATEWAY_GATEWAY", "town-hall")
    monkeypatch.setenv("FARZ_GATEWAY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FARZ_GATEWAY_HEALTH_PORT", str(server.server_port))
    monkeypatch.setenv("FARZ_GATEWAY_BROKER_PASSWORD", "x")
    monkeypatch.setenv("FARZ_GATEWAY_BACKEND_KEY", "x")
    yield said
    server.shutdown()
    server.server_close()


def test_a_running_gateway_is_asked_how_it_is(a_gateway: dict[str, Any]) -> None:
    well = [gateway.broker("broker"), gateway.backlog("backlog")]
    a_gateway |= {"ok": False, "connected": False, "problems": ["400 records wait for 3 hours"]}
    ill = [gateway.broker("broker"), gateway.backlog("backlog")]
    a_gateway["gateway"] = "somebody-else"
    absent = gateway.backlog("backlog")

    assert [each.level for each in well] == [WELL, WELL]
    assert [each.level for each in ill] == [WRONG, WARNING]
    assert all("400 records wait" in each.words for each in ill)
    assert [each.cure for each in ill] == [
        "systemctl status mosquitto",
        "journalctl -u farz-gateway",
    ]
    assert (absent.level, absent.cure) == (WARNING, "systemctl start farz-gateway")


def test_a_gateway_without_its_key_is_told_how_to_make_one(a_gateway: dict[str, Any]) -> None:
    found = gateway.key("key")

    assert (found.level, found.cure) == (WRONG, "farz gateway init")


def shows_itself(folder: Path, days: int) -> Iterator[int]:
    """A port where a broker's certificate is shown that runs out in so many days."""
    authority = certificates.found("A village (synthetic)", NOW_S)
    before_s = NOW_S - 10 * DAY_S
    mine = certificates.broker_identity(authority, ["127.0.0.1"], before_s, 10 + days)
    (folder / "ca.crt").write_text(certificates.pem(mine.authority_der))
    (folder / "broker.crt").write_text(certificates.pem(mine.certificate_der))
    (folder / "broker.key").write_text(certificates.pem(mine.key_der, "EC PRIVATE KEY"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "broker.crt", folder / "broker.key")
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def show() -> None:
            with suppress(OSError):
                context.wrap_socket(plain.accept()[0], server_side=True).close()

        showing = threading.Thread(target=show)
        showing.start()
        yield plain.getsockname()[1]
        showing.join(5)


@pytest.mark.parametrize(("days", "level"), [(200, WELL), (5, WARNING), (-2, WRONG)])
def test_a_brokers_certificate_is_told_before_it_runs_out(
    a_gateway: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    level: int,
) -> None:
    shown = shows_itself(tmp_path, days)
    monkeypatch.setenv("FARZ_GATEWAY_BROKER_PORT", str(next(shown)))
    monkeypatch.setenv("FARZ_GATEWAY_BROKER_CA", str(tmp_path / "ca.crt"))

    found = gateway.certificate("certificate")

    assert (found.level, bool(found.cure)) == (level, level != WELL), found
    assert next(shown, None) is None


def test_a_gateway_whose_backend_is_away_or_says_no_is_told(
    a_gateway: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    attest.init(tmp_path)
    monkeypatch.setenv("FARZ_GATEWAY_BACKEND_URL", "http://127.0.0.1:9")
    away = gateway.uplink("uplink")
    port = os.environ["FARZ_GATEWAY_HEALTH_PORT"]
    monkeypatch.setenv("FARZ_GATEWAY_BACKEND_URL", f"http://127.0.0.1:{port}")
    other = gateway.uplink("uplink")  # something else answers there, and takes no POST

    assert [each.level for each in (away, other)] == [WRONG, WRONG]
    for each in (away, other):
        assert each.cure.startswith("systemctl start farz-backend on its machine")
    assert "FARZ_GATEWAY_BACKEND_URL" in away.cure


@pytest.mark.parametrize(
    ("status", "body", "cure"),
    [
        (401, b"{}", "farz device gateway town-hall PUBLIC_KEY"),
        (503, b"{}", "farz doctor on the backend's machine"),
        (200, b"<html>", "put the backend's address into FARZ_GATEWAY_BACKEND_URL"),
    ],
)
def test_an_uplink_that_is_answered_otherwise_says_what_to_do(
    a_gateway: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    status: int,
    body: bytes,
    cure: str,
) -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the tests' screen."""

    without_key = gateway.uplink("uplink")
    attest.init(tmp_path)
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("FARZ_GATEWAY_BACKEND_URL", f"http://127.0.0.1:{server.server_port}")
        found = gateway.uplink("uplink")

    assert (without_key.level, without_key.cure) == (WRONG, "farz gateway init")
    assert (found.level, found.cure[: len(cure)]) == (WRONG, cure)
