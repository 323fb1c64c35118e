"""Telemetry is kept apart, and losing it costs nobody anything."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import monotonic, sleep

import pytest
from pydantic import SecretStr

from backend.settings import Settings
from backend.telemetry import FIELDS, Influx, Sample, line_of, open_series
from firmware import contract
from tests.backend.village import START_S, Town

VALUES = dict.fromkeys(FIELDS, 5) | {"fill_pct": None}


class Database(BaseHTTPRequestHandler):
    """What InfluxDB's write API looks like from outside."""

    lines: list[str]
    status = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.lines.extend(body.splitlines())
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def influx() -> Iterator[tuple[str, list[str]]]:
    lines: list[str] = []
    handler = type("Fake", (Database,), {"lines": lines})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", lines
    server.shutdown()
    thread.join()
    server.server_close()


def post(town: Town, body: dict[str, object]) -> int:
    headers = {"Authorization": f"Bearer {town.gateway.key}"}
    point = {"device": "bin-1", "received_s": START_S, "body": body}
    return town.client.post("/v1/telemetry", json={"points": [point]}, headers=headers).status_code


def test_the_fields_are_the_contracts() -> None:
    assert set(FIELDS) == set(contract.BODIES["telemetry"])


def test_a_sample_is_kept_in_a_file_of_its_own(small_town: Town) -> None:
    assert post(small_town, VALUES) == 204

    newest = small_town.services.telemetry.newest("bin-1")
    assert newest == Sample("bin-1", START_S, VALUES)
    assert small_town.health()["telemetry"] == {"written": 1}


def test_a_bad_sample_is_counted_and_nothing_more(small_town: Town) -> None:
    assert post(small_town, {"fill_pct": "full"}) == 204

    assert small_town.health()["telemetry"] == {"bad_schema": 1}


def test_a_broken_file_never_reaches_a_deposit(small_town: Town) -> None:
    small_town.services.telemetry.close()

    assert post(small_town, VALUES) == 204
    assert small_town.outcome(small_town.bin.deposit()) == ("credited", "")
    assert small_town.health()["telemetry"] == {"lost": 1}


def test_a_sample_in_line_protocol() -> None:
    sample = Sample("bin-1", 1700000000, {"fill_pct": 40, "temp_c10": None, "rssi_dbm": -61})

    assert line_of(sample) == "bin,device=bin-1 fill_pct=40i,rssi_dbm=-61i 1700000000"
    assert line_of(Sample("bin-1", 1, {})) == ""


def test_influxdb_gets_the_lines_by_setting(tmp_path: Path, influx: tuple[str, list[str]]) -> None:
    url, lines = influx
    settings = Settings(
        data_dir=tmp_path, influx_url=url, influx_org="town", influx_token=SecretStr("t")
    )
    series = open_series(settings)
    assert isinstance(series, Influx)

    series.write([Sample("bin-1", 1700000000, {"fill_pct": 40})])
    series.close()

    assert lines == ["bin,device=bin-1 fill_pct=40i 1700000000"]
    assert series.counts.now() == {"written": 1}


def test_a_silent_influxdb_loses_samples_and_says_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, influx_url="http://127.0.0.1:9", influx_org="town")
    series = open_series(settings)

    series.write([Sample("bin-1", 1700000000, {"fill_pct": 40})])
    series.close()

    give_up_s = monotonic() + 10
    while not series.counts.now() and monotonic() < give_up_s:
        sleep(0.05)
    assert series.counts.now() == {"lost": 1}
