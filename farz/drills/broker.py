"""`broker`: whatever can go wrong between bins and gateway does, one after another, in a village.

Real Mosquitto, real MicroPython bins, a proxy between them that fails as networks do. The order
and the moments come from the seed; at the end flash and books are compared, record by record.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from farz import demo
from farz.broker import HOST, access_list
from farz.demo import agree, say
from farz.drills.proxy import Manner, Proxy
from farz.processes import await_until
from farz.stage import Door, Stage
from firmware import contract

BINS, REDEMPTIONS = 2, 2
DEPOSITS = 1_200  # more than anybody makes: the bins close when the last fault has struck
MOST_BETWEEN = 8  # deposits between two faults
QUEUED = 5  # messages that the drill's broker keeps for an absent gateway: it overflows at once
LIMIT_S, LASTS_S = 20.0, 2.0
SILENT_S = 12.0  # longer than a bin waits for an answer
BIRTHS_S = 20.0  # between two births at the end of the day; hours in a street
PERSISTS_S = 600


class Scene(NamedTuple):
    stage: Stage
    proxy: Proxy
    counts: Counter[str]


def run(runs: int, seed: int) -> dict[str, Any]:
    """Each run is a village during which each fault strikes once."""
    counts: Counter[str] = Counter()
    conserved = True
    for number in range(runs):
        say(f"run {number + 1} of {runs}, seed {seed + number}")
        conserved &= play(seed + number, counts)
        say(f"after {number + 1} of {runs}: {dict(counts)}")
    faults = {name: counts[f"struck {name}"] for name in FAULTS}
    seen = {name: counts[name] for name in ("denied", "dropped_by_broker", "births")}
    return {
        **{name: counts[name] for name in ("deposits", "lost", "doubled", "resurrected")},
        "faults": faults,
        "seen": seen,
        "conserved": conserved and counts["resurrected"] == 0,
        # Each fault was made, the broker did drop and deny, and bins did come back.
        "struck": all(n == runs for n in faults.values()) and all(n >= runs for n in seen.values()),
    }


class Day:
    """One village's day: what strikes it, in an order and at moments that the seed says."""

    def __init__(self, seed: int, counts: Counter[str], proxy: Proxy) -> None:
        self._dice = random.Random(f"farz broker {seed}")
        self._waiting = self._dice.sample(sorted(FAULTS), len(FAULTS))
        self._due = self._dice.randint(1, MOST_BETWEEN)  # deposits in the books before the next
        self._counts, self._proxy = counts, proxy
        self._born_s = -BIRTHS_S

    def go_on(self, stage: Stage, done: int) -> None:
        """Strike if it is time, the books holding `done` deposits; close when all have struck."""
        if done < self._due:
            return
        if self._waiting:
            self._strike(stage, self._waiting.pop(0), done)
            self._due = done + self._dice.randint(1, MOST_BETWEEN)
            return
        stage.close_bins()
        if time.monotonic() - self._born_s > BIRTHS_S:
            # The short queues lose receipts, too. What is recorded and not settled comes again at
            # a birth, and a drill cannot wait for the next one of a quiet street.
            self._proxy.cut()
            self._born_s = time.monotonic()

    def _strike(self, stage: Stage, name: str, done: int) -> None:
        say(f"{name} after {done} deposits")
        FAULTS[name](Scene(stage, self._proxy, self._counts))
        struck = any(part.running for part in stage.bins.values())
        self._counts[f"struck {name}"] += struck


def play(seed: int, counts: Counter[str]) -> bool:
    """One village; adds to `counts` and tells whether everything was conserved."""
    stages: list[Stage] = []
    with Proxy(HOST, lambda: stages[0].broker.port) as proxy:
        done = demo.run(
            bins=BINS,
            deposits=DEPOSITS,
            redemptions=REDEMPTIONS,
            seed=seed,
            broker="mosquitto",
            meanwhile=Day(seed, counts, proxy).go_on,
            door=Door(proxy.port, QUEUED, stages.append),
            afterwards=lambda stage: _look(stage, counts),
        )
    truth, books = done.truth, done.books
    paid = books.outcomes["credited"] + books.outcomes["suspended"]
    counts["deposits"] += books.recorded
    counts["lost"] += len(truth.names - books.names) + truth.unrecorded
    counts["doubled"] += len(books.names - truth.names) + max(0, books.mints - paid)
    return agree(done)


# --- the faults


def kill_broker(scene: Scene) -> None:
    """kill -9, and what it had in memory is gone."""
    scene.stage.broker.kill()
    time.sleep(LASTS_S)
    scene.stage.broker.start()


def session_present(scene: Scene) -> None:
    """Somebody with the bin's credential leaves a lasting session, and messages in it."""
    for bin_ in scene.stage.village.bins:
        _haunt(scene.stage, bin_.device)


def _haunt(stage: Stage, device: str) -> None:
    client = Client(CallbackAPIVersion.VERSION2, device, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(device, stage.password(device))
    lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    lasting.SessionExpiryInterval = PERSISTS_S
    # The bin, thrown out by its namesake, throws it out in turn: who only looks now and then may
    # never see it connected.
    begun = threading.Event()
    client.on_connect = lambda *_: begun.set()
    client.connect(HOST, stage.broker.port, clean_start=False, properties=lasting)
    client.loop_start()
    await_until(begun.is_set, LIMIT_S, "the session")
    client.subscribe(contract.topic(device, "receipt"), 1)
    time.sleep(0.2)
    client.disconnect()
    client.loop_stop()


def overflow(scene: Scene) -> None:
    """The gateway is away; the broker says yes to more than it keeps."""
    stage, before = scene.stage, _dropped(scene.stage)
    stage.gateway.stop()
    deadline_s = time.monotonic() + LIMIT_S
    while _dropped(stage) == before and time.monotonic() < deadline_s:
        time.sleep(0.2)
    stage.start_gateway()


def denied(scene: Scene) -> None:
    """An access list without records; the broker says 0x87."""
    rules = access_list(["gateway"])
    record = f"pattern write {contract.topic('%u', 'record')}\n"
    scene.stage.broker.allow(rules.replace(record, ""))
    time.sleep(LASTS_S * 2)
    scene.stage.broker.allow(rules)
    scene.proxy.cut()  # a bin that was denied waits a minute; a new connection begins anew


def half_open(scene: Scene) -> None:
    _for_a_while(scene, "silent", SILENT_S)


def slow_link(scene: Scene) -> None:
    _for_a_while(scene, "slow", LASTS_S * 2)


def accepts_and_drops(scene: Scene) -> None:
    _for_a_while(scene, "drop", LASTS_S)


def dead_gateway(scene: Scene) -> None:
    """It says *recorded*, dies before it has relayed anything, and its disk is lost."""
    stage = scene.stage
    stage.backend.stop()
    before = _recorded(stage)
    deadline_s = time.monotonic() + LASTS_S * 3
    while _recorded(stage) <= before and time.monotonic() < deadline_s:
        time.sleep(0.05)
    scene.counts["recorded_and_lost"] += max(0, _recorded(stage) - before)
    stage.gateway.kill()
    for path in (stage.base / "gateway").glob("gateway.db*"):
        path.unlink()
    stage.start_backend()
    stage.start_gateway()
    scene.proxy.cut()  # bins send everything unsettled again at their next birth


def _for_a_while(scene: Scene, manner: Manner, seconds: float) -> None:
    scene.proxy.behave(manner)
    time.sleep(seconds)
    scene.proxy.behave("pass")
    scene.proxy.cut()


def _recorded(stage: Stage) -> int:
    counts = stage.gateway_health().get("counts", {})
    return int(counts.get("recorded_since_start", 0))


def _dropped(stage: Stage) -> int:
    """How often the broker has said that a queue was full."""
    log = (stage.base / "broker" / "broker.log").read_text(errors="replace")
    return log.count("Outgoing messages are being dropped")


def _look(stage: Stage, counts: Counter[str]) -> None:
    """Count what bins and broker say of themselves, before it is all swept away."""
    for device in stage.bins:
        settled: Counter[tuple[str, int]] = Counter()
        for text in (stage.bin_dir(device) / "out.jsonl").read_text().splitlines():
            line = json.loads(text)
            if line["event"] == "settled":
                settled[line["epoch"], line["seq"]] += 1
            if line["event"] == "link":
                counts["births"] += line["state"] == "up" and "session" in line
                counts["denied"] += "denied" in line.get("why", "")
        counts["resurrected"] += sum(n - 1 for n in settled.values())
    counts["dropped_by_broker"] += _dropped(stage)


FAULTS: dict[str, Callable[[Scene], None]] = {
    "kill_broker": kill_broker,
    "session_present": session_present,
    "overflow": overflow,
    "denied": denied,
    "half_open": half_open,
    "slow_link": slow_link,
    "accepts_and_drops": accepts_and_drops,
    "dead_gateway": dead_gateway,
}
