"""The whole gateway between a real Mosquitto and a backend double, killed and starved."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_gateway import attest
from edge_gateway.app import Gateway
from edge_gateway.settings import Settings
from farz.broker import Broker
from tests.edge_gateway.doubles import (
    LIMIT_S,
    BackendDouble,
    Bin,
    await_until,
    deposit,
    forged,
    name_of,
    signed,
)
from tests.fixtures.brokers import word_of

ROOT = Path(__file__).resolve().parents[2]


class Town:
    """A broker, a backend double, bins, and gateways in this process or in one of their own."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.broker = broker
        self.data_dir = directory / "gateway"
        self.backend = BackendDouble(attest.init(self.data_dir))
        self.bins: list[Bin] = []
        self.gateways: list[Gateway] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def values(self, **changed: Any) -> dict[str, Any]:
        values = {
            "data_dir": str(self.data_dir),
            "broker_port": self.broker.port,
            "broker_password": word_of("gateway"),
            "backend_url": self.backend.url,
            "backend_key": "gateway-key",
            "poll_s": 0.05,
            "backoff_s": 0.05,
            "backoff_max_s": 0.2,
            "telemetry_s": 0.05,
            "health_port": 0,
        }
        return {**values, **changed}

    def gateway(self, **changed: Any) -> Gateway:
        made = Gateway(Settings(**self.values(**changed))).start()
        self.gateways.append(made)
        await_until(lambda: made.broker.connected, "the gateway's connection")
        return made

    def process(self, *command: str) -> subprocess.Popen[bytes]:
        env = {f"FARZ_GATEWAY_{k.upper()}": str(v) for k, v in self.values().items()}
        made = subprocess.Popen([sys.executable, *command], cwd=ROOT, env={**os.environ, **env})
        self.processes.append(made)
        return made

    def bin(self, device: str = "bin-01") -> Bin:
        made = Bin(device, self.broker)
        self.bins.append(made)
        return made

    def leave_session(self) -> None:
        """Let a gateway come and go, so that the broker keeps what comes meanwhile."""
        self.close_gateway(self.gateway())

    def close_gateway(self, gateway: Gateway) -> None:
        self.gateways.remove(gateway)
        gateway.stop()

    def close(self) -> None:
        for gateway in list(self.gateways):
            self.close_gateway(gateway)
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(LIMIT_S)
        for device in self.bins:
            device.close()
        self.backend.stop()


@pytest.fixture
def town(mosquitto: Broker, tmp_path: Path) -> Iterator[Town]:
    made = Town(mosquitto, tmp_path)
    yield made
    made.close()


def rows_in(town: Town) -> int:
    with contextlib.closing(sqlite3.connect(town.data_dir / "gateway.db")) as db:
        (count,) = db.execute("SELECT count(*) FROM record").fetchone()
    return int(count)


def credited(town: Town, count: int) -> None:
    await_until(lambda: len(town.backend.credited) >= count, f"{count} credits")
    assert len(town.backend.credited) == count


def test_deposit_is_recorded_then_settled(town: Town) -> None:
    town.gateway()
    device = town.bin()
    jws = signed("bin-01", deposit(1))

    device.send(jws)

    await_until(lambda: len(device.down) >= 2, "both receipts")
    assert device.recorded() == [name_of(jws, deposit(1))]
    assert ("receipt", b"settled.1.synthetic") in device.down
    assert town.backend.relayed == [jws.decode()]


def test_no_puback_before_commit(town: Town) -> None:
    town.leave_session()
    device = town.bin()
    jws = signed("bin-01", deposit(1))
    first = town.gateway()
    blocker = sqlite3.connect(town.data_dir / "gateway.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")

    device.send(jws)
    await_until(lambda: first.broker._unanswered, "the arrival")
    await_until(lambda: "locked" in first.writer.problem, "the disk's refusal")
    town.close_gateway(first)
    blocker.execute("ROLLBACK")
    blocker.close()

    # Not acknowledged, so the broker delivers it to the next one.
    assert device.recorded() == []
    town.gateway()
    credited(town, 1)


def test_kill_between_commit_and_ack_credits_once(town: Town) -> None:
    town.leave_session()
    device = town.bin()
    jws = signed("bin-01", deposit(1))
    dying = town.process("-m", "tests.edge_gateway.dying")

    device.send(jws)
    assert dying.wait(LIMIT_S) == -signal.SIGKILL
    assert rows_in(town) == 1
    gateway = town.gateway()

    await_until(device.recorded, "the receipt")
    credited(town, 1)
    await_until(lambda: gateway.store.tallies().get("duplicates"), "the second delivery")
    assert rows_in(town) == 1


def test_killed_gateways_lose_and_double_nothing(town: Town) -> None:
    town.leave_session()
    device = town.bin()
    journal = {seq: signed("bin-01", deposit(seq)) for seq in range(1, 61)}
    for start in (1, 21, 41):
        process = town.process("-m", "edge_gateway")
        for seq in range(start, start + 20):
            device.send(journal[seq])
        await_until(lambda least=start + 5: len(town.backend.credited) >= least, "some credits")
        process.kill()
        process.wait(LIMIT_S)

    town.gateway()
    credited(town, 60)

    # A receipt can die with its gateway; the bin then sends again, and gets one.
    for seq in set(journal) - {row[1] for row in device.recorded()}:
        device.send(journal[seq])
    await_until(lambda: {row[1] for row in device.recorded()} == set(journal), "every receipt")
    credited(town, 60)


def test_broker_restarted_in_between_loses_nothing(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin()
    device.send(signed("bin-01", deposit(1)))
    credited(town, 1)

    town.broker.restart()
    again = town.bin("bin-02")
    again.send(signed("bin-02", deposit(2)))

    credited(town, 2)
    assert gateway.broker.reconnects >= 1


def test_backend_down_for_a_while_then_drains(town: Town) -> None:
    town.backend.stop()
    gateway = town.gateway()
    device = town.bin()
    for seq in range(1, 31):
        device.send(signed("bin-01", deposit(seq)))
    await_until(lambda: len(device.recorded()) == 30, "the recorded receipts")
    await_until(lambda: gateway.uplink.problem, "the alarm")
    assert gateway.health()["ok"] is False
    assert gateway.health()["queues"]["records_pending"] == 30

    town.backend.start()

    credited(town, 30)
    await_until(lambda: gateway.health()["ok"], "good health")


def test_duplicates_are_acknowledged_and_receipted_again_without_a_second_row(town: Town) -> None:
    town.gateway()
    device = town.bin()
    jws = signed("bin-01", deposit(1))

    for _ in range(3):
        device.send(jws)

    await_until(lambda: len(device.recorded()) == 3, "three receipts")
    credited(town, 1)
    assert rows_in(town) == 1


def test_same_name_with_other_bytes_is_relayed_for_the_backend_to_judge(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin()

    device.send(signed("bin-01", deposit(1)))
    device.send(signed("bin-01", deposit(1, n=13)))

    await_until(lambda: gateway.store.tallies().get("outcome.quarantined"), "the quarantine")
    assert gateway.store.tallies()["outcome.credited"] == 1


def test_refused_bytes_become_dead_letters_and_release_the_bin(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin()
    bodies = [deposit(1, fraction="gold"), deposit(2, net_g=5), deposit(3, note="x" * 2000)]
    raws = [forged("bin-01", body) for body in bodies]

    for raw in raws:
        device.send(raw)

    await_until(lambda: len(device.recorded()) == 3, "the release")
    names = [name_of(raw, body) for raw, body in zip(raws, bodies, strict=True)]
    assert sorted(device.recorded()) == sorted(names)
    letters = {raw: reason for _, _, reason, _, raw in gateway.store.dead_letters()}
    reasons = ("unknown_fraction", "bad_arithmetic", "too_large")
    assert letters == dict(zip(raws, reasons, strict=True))
    assert gateway.health()["counts"]["dead"] == dict.fromkeys(reasons, 1)
    assert town.backend.relayed == []


def test_full_disk_acknowledges_nothing_and_resumes(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin()
    gateway.store._pages = 1  # as many pages as there are now, in SQLite's reading

    for seq in range(1, 61):
        device.send(signed("bin-01", deposit(seq)))
    await_until(lambda: "full" in gateway.writer.problem, "the alarm")
    assert not gateway.health()["ok"]
    assert len(device.recorded()) < 60
    gateway.store._pages = 2**21

    await_until(lambda: len(device.recorded()) == 60, "the receipts")
    credited(town, 60)


def test_no_more_is_read_than_may_be_unanswered(town: Town) -> None:
    town.leave_session()
    device = town.bin()
    for seq in range(1, 201):
        device.send(signed("bin-01", deposit(seq)))
    blocker = sqlite3.connect(town.data_dir / "gateway.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")

    gateway = town.gateway(in_flight=10)
    await_until(lambda: gateway.broker._unanswered >= 10, "a full window")
    held = gateway.broker._unanswered
    blocker.execute("ROLLBACK")
    blocker.close()

    assert held <= 10 + 4
    credited(town, 200)


def test_commands_expire_and_are_confirmed_when_taken(town: Town) -> None:
    device = town.bin()
    down = {"id": 9, "device": "bin-01", "channel": "command", "body": "a.b.c"}
    town.backend.down = [{**down, "expires_s": int(time.time()) + 60}]

    town.gateway()

    await_until(lambda: town.backend.delivered == [9], "the confirmation")
    assert ("command", b"a.b.c") in device.down


def test_message_to_nobody_is_not_confirmed(town: Town) -> None:
    town.backend.down = [
        {"id": 9, "device": "bin-20", "channel": "command", "body": "a.b.c", "expires_s": None}
    ]

    town.gateway()

    before = town.backend.posts
    await_until(lambda: town.backend.posts > before + 5, "some polls")
    assert town.backend.delivered == []


def test_births_states_and_telemetry_reach_the_backend(town: Town) -> None:
    town.gateway()
    device = town.bin()
    birth = {
        **{"v": 1, "epoch": "5f0e1d2c3b4a5968", "next_seq": 4, "oldest_seq": 2, "session": 7},
        **{"boot": 3, "fw": "a1b2c3d4e5f60718", "cal": 2, "e_g": 5, "min_g": 100},
        **{"max_g": 60_000, "fractions": ["organic"], "at_s": None, "clock": "unset"},
    }

    device.send(signed("bin-01", birth, "birth"), "birth")
    device.send(b'{"session":7,"state":"online"}', "state")

    await_until(lambda: town.backend.messages and town.backend.telemetry, "the backend")
    assert town.backend.messages[0]["channel"] == "birth"
    assert town.backend.telemetry[0]["states"][0]["state"] == "online"


def test_health_is_told_on_the_loopback(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin()
    device.send(signed("bin-01", deposit(1)))
    credited(town, 1)
    url = f"http://127.0.0.1:{gateway.health_server.port}/healthz"

    def told() -> Any:
        with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:
            return json.load(answer)

    await_until(lambda: told()["counts"]["outcome"].get("credited") == 1, "the count")
    assert told()["ok"] is True
    assert told()["connected"] is True
    assert told()["lag_s"] == 0


def test_sigterm_stops_cleanly(town: Town) -> None:
    town.leave_session()
    device = town.bin()
    process = town.process("-m", "edge_gateway")
    device.send(signed("bin-01", deposit(1)))
    credited(town, 1)

    process.terminate()

    assert process.wait(LIMIT_S) == 0


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    env = {**os.environ, "FARZ_GATEWAY_BROKER_PORT": "many", "FARZ_GATEWAY_DATA_DIR": str(tmp_path)}

    run = subprocess.run(
        [sys.executable, "-m", "edge_gateway"], cwd=ROOT, env=env, capture_output=True, text=True
    )

    assert run.returncode == 1
    assert "broker_port" in run.stderr


def test_stranger_cannot_connect(town: Town) -> None:
    stranger = Gateway(Settings(**town.values(broker_password="wrong"))).start()
    town.gateways.append(stranger)

    await_until(lambda: "refuses" in stranger.broker.problem, "the refusal")
    assert not stranger.broker.connected


def test_foreign_topic_is_refused_by_the_broker(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin("bin-01")

    not_authorized = device.send(signed("bin-02", deposit(1)), device="bin-02")

    assert not_authorized == 0x87
    assert gateway.store.depths()["dead_letters"] == 0


def test_device_of_the_topic_must_have_signed(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin("bin-01")

    device.send(signed("bin-02", deposit(1)))

    await_until(lambda: gateway.store.tallies().get("dead.topic_mismatch"), "the dead letter")
    assert town.backend.credited == {}


def test_stopped_gateway_has_told_every_bin_what_it_recorded(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin()
    for seq in range(1, 51):
        device.send(signed("bin-01", deposit(seq)))
    await_until(lambda: gateway.writer.recorded == 50, "the records")

    town.close_gateway(gateway)

    await_until(lambda: len(device.recorded()) == 50, "every receipt")


def test_fault_in_the_gateway_is_told_and_outlived(town: Town) -> None:
    gateway = town.gateway()
    device = town.bin()
    tend, faults = gateway.writer.tend, [ZeroDivisionError("of the test")]

    def faulty() -> float:
        if faults and gateway.writer.depth:
            raise faults.pop()
        return tend()

    gateway.writer.tend = faulty
    device.send(signed("bin-01", deposit(1)))

    await_until(device.recorded, "the receipt")
    credited(town, 1)
    assert faults == []
    assert gateway.broker.reconnects == 1


def test_ports_are_free_again_after_stop(town: Town) -> None:
    gateway = town.gateway()
    port = gateway.health_server.port

    town.close_gateway(gateway)

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_embedded_broker_serves_where_mosquitto_is_missing(iotcore: Broker, tmp_path: Path) -> None:
    town = Town(iotcore, tmp_path)
    try:
        town.gateway()
        device = town.bin()
        jws = signed("bin-01", deposit(1))

        device.send(jws)

        await_until(lambda: ("receipt", b"settled.1.synthetic") in device.down, "the receipt")
        assert device.recorded() == [name_of(jws, deposit(1))]
    finally:
        town.close()
