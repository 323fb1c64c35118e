"""Telemetry is kept apart, and losing it costs nobody anything."""

import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from backend import telemetry_stores
from backend.telemetry import (
    FIELDS,
    HOUR,
    HOUR_S,
    RAW,
    SCHEMA,
    Sample,
    Series,
    StoreFault,
    line_of,
)
from backend.telemetry_stores import Embedded
from farz.processes import free_port
from firmware import contract
from tests.backend import village
from tests.backend.village import START_S, Town

VALUES = dict.fromkeys(FIELDS, 5) | {"fill_pct": None}


def post(town: Town, *values: dict[str, object], device: str = "bin-1", at_s: int = 0) -> int:
    headers = {"Authorization": f"Bearer {town.gateway.key}"}
    unset = dict.fromkeys(FIELDS)
    points = [
        {"device": device, "received_s": (at_s or town.clock.now_s) + i, "body": unset | body}
        for i, body in enumerate(values)
    ]
    return town.client.post("/v1/telemetry", json={"points": points}, headers=headers).status_code


def kept(town: Town) -> dict[str, int]:
    """What became of samples, once none waits."""
    assert town.services.telemetry.settle()
    found: dict[str, int] = town.health()["telemetry"]
    return found


class Slow:
    """A store that holds each batch until it is let go, and may refuse."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.batches = 0
        self.faults: list[Exception] = []
        self.go = threading.Event()

    def put(self, samples: Sequence[Sample], measurement: str = RAW) -> None:
        assert self.go.wait(10)
        if self.faults:
            raise self.faults.pop(0)
        self.taken.extend(sample.at_s for sample in samples)
        self.batches += 1

    def newest(self) -> dict[str, Sample]:
        raise StoreFault("deaf", again=True)

    def samples(self, *_asked: object) -> list[Sample]:
        return []

    def fold(self, from_s: int, until_s: int) -> None: ...
    def forget(self, raw_before_s: int, hours_before_s: int) -> None: ...
    def close(self) -> None: ...


def sample(at_s: int, device: str = "bin-1", **values: int) -> Sample:
    return Sample(device, at_s, dict.fromkeys(FIELDS) | values)


def test_the_fields_are_the_contracts() -> None:
    assert set(FIELDS) == set(contract.fields(contract.UP_BODIES["telemetry"]))


def test_every_rule_has_a_gap_and_a_name_of_its_own() -> None:
    limits = [limit for field in SCHEMA for limit in field.limits]

    assert len({limit.rule for limit in limits}) == len(limits)
    for limit in limits:
        assert limit.is_bad(limit.opens)
        assert not limit.is_bad(limit.resolves)
        assert limit.is_good(limit.resolves)
        assert not limit.is_good(limit.opens)


def test_a_sample_is_kept_in_a_file_of_its_own(small_town: Town, tmp_path: Path) -> None:
    assert post(small_town, VALUES) == 204

    assert kept(small_town) == {"written": 1}
    beside = Embedded(tmp_path / "telemetry.sqlite", reads_only=True)
    assert beside.newest() == {"bin-1": Sample("bin-1", START_S, VALUES)}
    beside.close()


def test_bad_samples_and_strangers_are_counted_and_nothing_more(small_town: Town) -> None:
    assert post(small_town, {"fill_pct": "full"}) == 204
    assert post(small_town, VALUES, device="nobody") == 204

    assert kept(small_town) == {"bad_schema": 1, "unknown_device": 1}


def test_a_clock_that_is_ahead_dates_nothing_in_the_future(small_town: Town) -> None:
    post(small_town, VALUES, at_s=START_S + 10**8)

    assert small_town.services.telemetry.newest()["bin-1"].at_s == START_S


def test_a_broken_file_never_reaches_a_deposit(small_town: Town) -> None:
    small_town.services.telemetry.store.close()

    assert post(small_town, VALUES) == 204
    assert small_town.outcome(small_town.bin.deposit()) == ("credited", "")
    assert kept(small_town) == {"lost": 1}


def test_a_damaged_file_is_put_aside_and_the_town_serves(tmp_path: Path) -> None:
    (tmp_path / "telemetry.sqlite").write_bytes(b"half a page of something else" * 99)

    with village.town(tmp_path, "") as town:
        assert town.outcome(town.bin.deposit()) == ("credited", "")
        assert post(town, VALUES) == 204
        assert kept(town) == {"written": 1}

    (aside,) = tmp_path.glob("telemetry.sqlite.before-*")
    assert aside.read_bytes().startswith(b"half a page")


def test_a_file_that_is_damaged_at_work_costs_what_was_in_it(tmp_path: Path) -> None:
    path = tmp_path / "series.sqlite"
    store = Embedded(path)
    store.put([sample(n, f"bin-{n}", fill_pct=1) for n in range(2_000)])
    store.close()
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (path.stat().st_size - 4_096))
    beside = Embedded(path, reads_only=True)
    with pytest.raises(StoreFault, match=r"series\.sqlite: .*malformed"):
        beside.newest()
    beside.close()
    assert not list(tmp_path.glob("*.before-*")), "who only reads leaves it as it is"

    series = Series(Embedded(path), wait_s=0.001)
    series.write([sample(5, fill_pct=9)])
    assert series.settle()

    assert series.counts.now() == {"written": 1}
    assert series.store.newest() == {"bin-1": sample(5, fill_pct=9)}
    series.close()
    assert len(list(tmp_path.glob("series.sqlite.before-*[0-9]"))) == 1


def test_a_file_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.sqlite"
    path.mkdir()

    with village.town(tmp_path, "") as town:
        town.services.telemetry._wait_s = 0.001
        assert post(town, VALUES) == 204
        assert town.outcome(town.bin.deposit()) == ("credited", "")
        assert kept(town) == {"lost": 1}
        path.rmdir()
        assert post(town, VALUES) == 204
        assert kept(town) == {"lost": 1, "written": 1}


@pytest.fixture(params=["nobody listens", "it never answers"])
def dead_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an InfluxDB that is down, or that takes connections and says nothing."""
    if request.param == "nobody listens":
        yield f"http://127.0.0.1:{free_port()}"
        return
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_dead_server_fails_no_deposit(
    tmp_path: Path, dead_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_stores, "TIMEOUT_S", 0.5)
    with village.town(tmp_path, "", influx_url=dead_server, influx_org="town") as town:
        for _ in range(5):
            assert post(town, VALUES) == 204
            assert town.outcome(town.bin.deposit()) == ("credited", "")
        assert town.balance(town.amal) == 5 * 50
    assert town.services.telemetry.counts.now()["lost"] == 5


def test_no_deposit_waits_for_a_slow_store(small_town: Town) -> None:
    store = Slow()
    small_town.services.telemetry.store = store

    for _ in range(5):
        assert post(small_town, VALUES) == 204
        assert small_town.outcome(small_town.bin.deposit()) == ("credited", "")

    # All of it was answered while the store had not let go of the first sample.
    assert (store.taken, store.go.is_set()) == ([], False)
    store.go.set()
    assert kept(small_town) == {"written": 5}


def test_too_many_samples_shed_the_oldest_and_are_counted() -> None:
    store = Slow()
    series = Series(store, bound=3)
    series.write([sample(0)])
    with series._changed:
        assert series._changed.wait_for(lambda: series._busy == 1, 5)

    series.write([sample(n) for n in range(1, 11)])
    assert series.depth == 3
    store.go.set()
    assert series.settle()
    series.close()

    assert store.taken == [0, 8, 9, 10]
    assert store.batches == 2  # what waited goes in one write
    assert series.counts.now() == {"shed": 7, "written": 4}


def test_what_may_pass_is_tried_again_and_what_may_not_is_lost_at_once() -> None:
    store = Slow()
    store.go.set()
    store.faults = [StoreFault("locked", again=True), StoreFault("broken", again=False)]
    series = Series(store, wait_s=0.001)

    series.write([sample(1)])
    assert series.settle()
    series.close()

    assert series.counts.now() == {"lost": 1}
    assert store.faults == []


def test_what_nobody_foresaw_costs_one_batch_and_not_the_rest() -> None:
    store = Slow()
    store.go.set()
    store.faults = [ZeroDivisionError("nobody thought of this")]
    series = Series(store, wait_s=60)

    for at_s in (1, 2):
        series.write([sample(at_s)])
        assert series.settle(5)
    series.close()

    assert (store.taken, series.counts.now()) == ([2], {"lost": 1, "written": 1})


def test_a_store_that_comes_back_gets_the_batch() -> None:
    store = Slow()
    store.go.set()
    store.faults = [StoreFault("locked", again=True)]
    series = Series(store, wait_s=0.001)

    series.write([sample(1), sample(2)])
    assert series.settle()
    series.close()

    assert store.taken == [1, 2]
    assert series.counts.now() == {"written": 2}


def test_what_was_heard_is_known_while_the_store_is_deaf() -> None:
    store = Slow()
    store.go.set()
    series = Series(store)
    series.write([sample(5), sample(4)])

    assert series.newest() == {"bin-1": sample(5)}
    assert not series.readable
    assert series.counts.now()["unread"] == 1
    series.close()


def test_an_hour_becomes_one_sample_as_the_schema_says(tmp_path: Path) -> None:
    store = Embedded(tmp_path / "series.sqlite")
    hour_s = START_S // HOUR_S * HOUR_S
    store.put([sample(hour_s + 5, fill_pct=10, temp_c10=200, battery_mv=3_700)])
    store.put([sample(hour_s + 900, fill_pct=40, temp_c10=210, battery_mv=3_650)])
    store.put([sample(hour_s + HOUR_S, fill_pct=99)])

    store.fold(hour_s, hour_s + HOUR_S)
    store.fold(hour_s, hour_s + HOUR_S)  # again is the same

    hours = store.samples("bin-1", 0, 2**40, HOUR, 10)
    assert hours == [sample(hour_s, fill_pct=40, temp_c10=205, battery_mv=3_650)]
    store.forget(hour_s + HOUR_S, hour_s + 1)
    assert store.samples("bin-1", 0, 2**40, HOUR, 10) == []
    assert [each.at_s for each in store.samples("bin-1", 0, 2**40, RAW, 10)] == [hour_s + HOUR_S]
    store.close()


def test_a_technician_reads_the_series(small_town: Town) -> None:
    post(small_town, {"fill_pct": 1}, {"fill_pct": 2}, {"fill_pct": 3})
    kept(small_town)

    client = small_town.browser("technician")
    path = "/v1/devices/bin-1/telemetry"
    answer = client.get(path, params={"since_s": START_S + 1, "limit": 1}).json()

    assert [(each["at_s"], each["values"]["fill_pct"]) for each in answer] == [(START_S + 1, 2)]
    assert client.get(path, params={"by": "hour"}).json() == []
    assert client.get("/v1/devices/bin-9/telemetry").status_code == 404


def test_a_sample_in_line_protocol() -> None:
    sample = Sample("bin-1", 1700000000, {"fill_pct": 40, "temp_c10": None, "rssi_dbm": -61})

    assert line_of(sample) == "bin,device=bin-1 fill_pct=40i,rssi_dbm=-61i 1700000000"
    assert line_of(Sample("bin-1", 1, {})) == ""
