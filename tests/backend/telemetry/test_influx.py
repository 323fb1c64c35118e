"""An InfluxDB by setting, on real servers: VictoriaMetrics is written, InfluxDB 1.6 is read."""

import json
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from pydantic import SecretStr

from backend import telemetry_stores
from backend.settings import Settings
from backend.telemetry import FIELDS, HOUR, HOUR_S, RAW, Sample, Series, StoreFault
from backend.telemetry_stores import Embedded, Influx, open_series
from tests.backend import village
from tests.backend.telemetry.test_telemetry import VALUES, kept, post, sample
from tests.fixtures.time_series import Pair, fetch, influx_server, serving, victoria_server

NOW_S = int(time.time())


def settings(tmp_path: Path, url: str) -> Settings:
    return Settings(
        data_dir=tmp_path,
        influx_url=url,
        influx_org="town",
        influx_bucket="farz",
        influx_token=SecretStr("a token"),
    )


def exported(victoria: str) -> dict[str, list[tuple[int, float]]]:
    """What VictoriaMetrics holds: (seconds, value) by series name and device."""
    fetch(f"{victoria}/internal/force_flush", {}, None)
    asked = {"match[]": '{__name__!=""}', "start": "0", "end": str(NOW_S + 10**6)}
    status, body = fetch(f"{victoria}/api/v1/export", asked, None)
    assert status == 200, body
    lines = [json.loads(line) for line in body.splitlines()]
    return {
        f"{line['metric']['__name__']}/{line['metric']['device']}": sorted(
            zip([ms // 1000 for ms in line["timestamps"]], line["values"], strict=True)
        )
        for line in lines
    }


def test_what_is_written_through_the_client_is_in_the_server(tmp_path: Path, victoria: str) -> None:
    series = open_series(settings(tmp_path, victoria))

    series.write([sample(NOW_S - n, fill_pct=n, rssi_dbm=-60 - n) for n in range(1_200)])
    assert series.settle()
    series.close()

    found = exported(victoria)
    assert set(found) == {"bin_fill_pct/bin-1", "bin_rssi_dbm/bin-1"}
    assert found["bin_fill_pct/bin-1"] == [(NOW_S - n, n) for n in reversed(range(1_200))]
    assert series.counts.now() == {"written": 1_200}


def test_the_very_lines_that_were_written_are_read_by_influxql(
    tmp_path: Path, influx_pair: Pair, victoria: str
) -> None:
    store = Influx(settings(tmp_path, influx_pair.url))
    old = [sample(NOW_S - 20, "bin-2", fill_pct=7, temp_c10=-15), sample(NOW_S - 10, fill_pct=1)]
    new = [sample(NOW_S - 5, "bin-2", battery_mv=3_700), Sample("bin-1", NOW_S, VALUES)]

    store.put(old)
    store.put(new)

    assert b"".join(influx_pair.bodies).count(b"bin,device=") == 4
    assert store.samples("bin-9", 0, 1, RAW, 1) == []
    assert influx_pair.tokens == ["Token a token"] * 3  # two writes and a read
    assert exported(victoria)["bin_temp_c10/bin-2"] == [(NOW_S - 20, -15)]
    assert store.newest() == {each.device: each for each in new}
    assert store.samples("bin-2", NOW_S - 20, NOW_S - 5, RAW, 10) == [old[0]]
    assert store.samples("bin-2", 0, NOW_S + 1, RAW, 1) == [old[0]]
    assert store.samples("bin-3", 0, NOW_S + 1, RAW, 10) == []
    store.close()


def test_hours_are_folded_like_those_of_the_file(
    tmp_path: Path, influx_pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_stores, "BATCH", 3)  # hours go in batches as samples do
    hour_s = NOW_S // HOUR_S * HOUR_S - 3 * HOUR_S
    given = [
        sample(hour_s + 60 * n, f"bin-{n % 2}", fill_pct=n, temp_c10=200 + n, battery_mv=3_600 - n)
        for n in range(150)
    ]
    server, file = Influx(settings(tmp_path, influx_pair.url)), Embedded(tmp_path / "f.sqlite")

    for store in (server, file):
        store.put(given)
        store.fold(hour_s, hour_s + 2 * HOUR_S)
        store.fold(hour_s, hour_s + 2 * HOUR_S)

    for device in ("bin-0", "bin-1"):
        told = file.samples(device, 0, 2**33, HOUR, 10)
        assert [each.at_s for each in told] == [hour_s, hour_s + HOUR_S]
        assert server.samples(device, 0, 2**33, HOUR, 10) == told
    server.close()
    file.close()


def test_a_town_runs_on_it(tmp_path: Path, influx_pair: Pair) -> None:
    with village.town(tmp_path, "", influx_url=influx_pair.url, influx_org="town") as town:
        town.clock.now_s = NOW_S
        post(town, dict.fromkeys(FIELDS, 5))
        assert kept(town) == {"written": 1}

        told = town.browser("technician").get("/v1/devices/bin-1/telemetry").json()

    assert [each["at_s"] for each in told] == [NOW_S]
    assert not (tmp_path / "telemetry.sqlite").exists()


def test_what_a_server_refuses_is_lost_at_once(tmp_path: Path, influxdb: str) -> None:
    """InfluxDB 1.6 has no /api/v2/write: the answer is 404, and trying again would not help."""
    series = Series(Influx(settings(tmp_path, influxdb)), wait_s=60)

    series.write([sample(NOW_S, fill_pct=1)])
    assert series.settle(5)

    assert series.counts.now() == {"lost": 1}
    series.close()


def test_a_database_that_is_not_there_is_said(tmp_path: Path, influxdb: str) -> None:
    store = Influx(settings(tmp_path, influxdb).model_copy(update={"influx_bucket": "other"}))

    with pytest.raises(StoreFault, match="database not found"):
        store.newest()
    store.close()


def test_who_has_no_right_is_told_so_by_both_halves(tmp_path: Path) -> None:
    """Real servers that ask who it is: nothing is tried again, and the words say what it is."""
    with (
        influx_server(tmp_path, auth=True) as reads,
        victoria_server(tmp_path, "-httpAuth.username=a", "-httpAuth.password=b") as writes,
    ):
        one, other = (Influx(settings(tmp_path, url)) for url in (writes, reads))
        with pytest.raises(StoreFault, match="the server answers 401") as written:
            one.put([sample(NOW_S, fill_pct=1)])
        with pytest.raises(StoreFault, match="the server answers 401") as read:
            other.newest()
        one.close()
        other.close()
    assert (written.value.again, read.value.again) == (False, False)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"null",
        b'{"results": []}',
        b'{"results": [7]}',
        b'{"results": [{"series": [{}]}]}',
        b'{"results": [{"series": [{"tags": {"device": "b"}, "columns": [], "values": [[1]]}]}]}',
        b'{"results": [{"series": [{"tags": {"device": "b"}, "columns": ["time"], "values": 7}]}]}',
    ],
)
def test_something_else_that_answers_is_a_fault_and_no_error(tmp_path: Path, body: bytes) -> None:
    class Something(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Keep the test's output quiet."""

    with serving(Something) as url:
        store = Influx(settings(tmp_path, url))
        with pytest.raises(StoreFault, match="is no InfluxDB that speaks InfluxQL"):
            store.newest()
        store.close()


def test_a_line_that_is_no_http_is_a_fault_and_no_error(tmp_path: Path) -> None:
    class Strange(BaseHTTPRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"220 mail.example ESMTP\r\n")

    with serving(Strange) as url:
        store = Influx(settings(tmp_path, url))
        with pytest.raises(StoreFault, match="does not answer"):
            store.newest()
        with pytest.raises(StoreFault, match="does not answer"):
            store.put([sample(NOW_S, fill_pct=1)])
        store.close()
