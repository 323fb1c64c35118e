"""What a gateway's promise costs: a backlog drained to the durable receipt, beside the same backlog
merely received and acknowledged.

Same broker, same client library, same 20 in flight, same bytes from ten synthetic bins; each run in
a process of its own, rounds interleaved. The backend is away: the uplink only backs off.
"""

import contextlib
import hashlib
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_gateway import attest
from edge_gateway.app import Gateway, keep_startup
from edge_gateway.settings import Settings
from farz import guard
from farz.broker import Broker
from firmware import contract

GATEWAY = "gateway"
BINS = [f"bin-{n:02d}" for n in range(10)]
RECORDS = 10_000
IN_FLIGHT = 20
ROUNDS = 5
LIMIT_S = 120.0


def run(rounds: int = ROUNDS, records: int = RECORDS) -> dict[str, Any]:
    """Return the figures: medians over interleaved rounds, with their spread."""
    backlog = make_backlog(records)
    samples: dict[str, list[tuple[float, float]]] = {"plain": [], "gateway": []}
    for number in range(rounds):
        for kind in ("plain", "gateway") if number % 2 == 0 else ("gateway", "plain"):
            samples[kind].append(measure(kind, backlog))
    return report(samples, records)


def report(samples: dict[str, list[tuple[float, float]]], records: int) -> dict[str, Any]:
    ratios = [p[0] / g[0] for p, g in zip(samples["plain"], samples["gateway"], strict=True)]
    figures: dict[str, dict[str, Any]] = {
        "receipts_over_plain": {
            "value": round(statistics.median(ratios), 3),
            "at_least": 0.5,
            "aim": 0.8,
            "unit": "ratio",
            "spread": [round(min(ratios), 3), round(max(ratios), 3)],
        }
    }
    for kind, runs in samples.items():
        for what, at, scale, unit in (
            ("records_per_s", 0, records, "1/s"),
            ("cpu_us_per_record", 1, 1e6 / records, "µs"),
        ):
            values = [scale / r[at] if at == 0 else scale * r[at] for r in runs]
            figures[f"{kind}_{what}"] = {
                "value": round(statistics.median(values), 1),
                "at_least": None,
                "aim": None,
                "unit": unit,
                "spread": [round(min(values), 1), round(max(values), 1)],
            }
    short = [
        name
        for name, figure in figures.items()
        if figure["at_least"] is not None and figure["value"] < figure["at_least"]
    ]
    return {"bench": "gateway", "figures": figures, "short": short}


# --- the load


def make_backlog(records: int) -> list[tuple[str, bytes]]:
    """Signed synthetic deposits of ten bins in turn, as (topic, bytes)."""
    keys = {device: contract.derive(device.encode().ljust(32, b"."), "up") for device in BINS}
    made = []
    for number in range(records):
        device = BINS[number % len(BINS)]
        body = deposit(1 + number // len(BINS))
        jws = contract.sign(keys[device], device, 1, "record", body)
        made.append((contract.topic(device, "record"), jws.encode()))
    return made


def deposit(seq: int) -> dict[str, Any]:
    return {
        **{"v": 1, "kind": "deposit", "epoch": "5f0e1d2c3b4a5968", "seq": seq, "boot": 3},
        **{
            "prev": hashlib.sha256(str(seq).encode()).hexdigest()[:16],
            "at_s": 1_795_000_000 + seq,
            "clock": "synced",
        },
        **{"up_ms": 86_400_000 + seq, "cal": 2, "fw": "a1b2c3d4e5f60718", "flags": []},
        **{"card": "u." + contract.b64(seq.to_bytes(16, "big")), "fraction": "organic"},
        **{"before_g": 12_000, "after_g": 12_000 + seq, "net_g": seq, "e_g": 5, "p2p_g": 2},
        **{"n": 12, "temp_c10": 215},
    }


def measure(kind: str, backlog: list[tuple[str, bytes]]) -> tuple[float, float]:
    """One run against a fresh broker: (seconds to the last receipt or PUBACK, CPU seconds)."""
    with guard.folder("farz-bench-") as directory:
        users = {name: name for name in (GATEWAY, *BINS)}
        with Broker(directory / "broker", users, (GATEWAY,), kind="mosquitto") as broker:
            leave_session(broker.port)
            with bins(broker.port) as (publishers, receipts):
                fill(publishers, backlog)
                receipts.expected = len(backlog)
                return drain(kind, broker.port, str(directory), len(backlog), receipts)


def leave_session(port: int) -> None:
    """Subscribe as the gateway and go, so that the broker keeps what comes."""
    ready = threading.Event()
    client = connect(GATEWAY, port)
    client.on_subscribe = lambda *_: ready.set()
    client.loop_start()
    client.subscribe(contract.topic("+", "record"), 1)
    ready.wait(LIMIT_S)
    client.disconnect()
    client.loop_stop()


class SeenReceipts:
    """Counts the records that the bins were told of, and when the last one was."""

    def __init__(self) -> None:
        self.expected = 0
        self.rows = 0
        self.last_s = 0.0
        self.complete = threading.Event()
        self._lock = threading.Lock()

    def take(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        with self._lock:
            self.rows += message.payload.count(b"[") - 1
            self.last_s = time.monotonic()
            if self.rows >= self.expected:
                self.complete.set()


@contextlib.contextmanager
def bins(port: int) -> Iterator[tuple[dict[str, Client], SeenReceipts]]:
    receipts = SeenReceipts()
    clients = {device: connect(device, port) for device in BINS}
    for device, client in clients.items():
        client.on_message = receipts.take
        client.loop_start()
        client.subscribe(contract.topic(device, "receipt"), 1)
    try:
        yield clients, receipts
    finally:
        for client in clients.values():
            client.disconnect()
            client.loop_stop()


def fill(publishers: dict[str, Client], backlog: list[tuple[str, bytes]]) -> None:
    sent = []
    for topic, jws in backlog:
        device, _ = contract.parse_topic(topic)
        sent.append(publishers[device].publish(topic, jws, 1))
    for info in sent:
        info.wait_for_publish(LIMIT_S)


def drain(
    kind: str, port: int, directory: str, records: int, receipts: SeenReceipts
) -> tuple[float, float]:
    command = [sys.executable, "-m", "bench.gateway", kind, str(port), directory, str(records)]
    root = Path(__file__).resolve().parent.parent
    worker = subprocess.Popen(
        command,
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    guard.keep(worker.pid)
    if kind == "gateway" and not receipts.complete.wait(LIMIT_S):
        worker.kill()
    out, _ = worker.communicate("enough\n", timeout=LIMIT_S)
    guard.let_go(worker.pid)
    told = json.loads(out)
    end_s = receipts.last_s if kind == "gateway" else told["end_s"]
    return end_s - told["start_s"], told["cpu_s"]


# --- the processes that are measured


def connect(name: str, port: int) -> Client:
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=name,
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=name == GATEWAY,
    )
    client.username_pw_set(name, name)
    client.max_inflight_messages_set(IN_FLIGHT)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = IN_FLIGHT
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    return client


def plain(port: int, records: int) -> None:
    """Receive and acknowledge, nothing else, the way paho is used by default."""
    count, complete = 0, threading.Event()

    def acknowledge(client: Client, _data: Any, message: MQTTMessage) -> None:
        nonlocal count
        client.ack(message.mid, message.qos)
        count += 1
        if count == records:
            complete.set()

    start_s, cpu_s = time.monotonic(), time.process_time()
    client = connect(GATEWAY, port)
    client.on_message = acknowledge
    client.loop_start()
    complete.wait(LIMIT_S)
    tell(start_s, cpu_s)
    client.disconnect()
    client.loop_stop()


def gateway(port: int, directory: str) -> None:
    data_dir = Path(directory) / "gateway"
    attest.init(data_dir)
    settings = Settings(
        gateway=GATEWAY,
        data_dir=data_dir,
        broker_port=port,
        broker_password=GATEWAY,
        in_flight=IN_FLIGHT,
        backend_url="http://127.0.0.1:9",
        health_port=0,
    )
    made = Gateway(settings)
    keep_startup()
    start_s, cpu_s = time.monotonic(), time.process_time()
    with made:
        sys.stdin.readline()
        tell(start_s, cpu_s)


def tell(start_s: float, cpu_s: float) -> None:
    told = {"start_s": start_s, "end_s": time.monotonic(), "cpu_s": time.process_time() - cpu_s}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "plain":
        plain(int(sys.argv[2]), int(sys.argv[4]))
    else:
        gateway(int(sys.argv[2]), sys.argv[3])
