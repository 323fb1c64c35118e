"""Time series of the bins: one schema, and the queue through which all of it goes.

`FIELDS` says once what is measured: the name and unit, how an hour of it becomes one number, and
when it asks for a technician. Files, servers, alerts and pages read it here. `Series` stands
between the backend and a store: a bounded queue and a thread, so that a store that is slow or
dead costs samples, which are counted, and never anybody's time. It is not on the money path.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from backend.counts import Counts

RAW, HOUR = "bin", "bin_hour"  # the measurements: as it was reported, and an hour as one sample
HOUR_S = 3_600
BATCH, BOUND = 500, 20_000  # samples a write, and samples that wait at most
TRIES, WAIT_S = 3, 0.5  # a batch is tried so often, the waits doubling
REREAD_S = 30.0  # how old the newest samples that a store was asked for may be
DEVICES_MOST = 10_000
Fold = Literal["mean", "min", "max"]
_log = logging.getLogger(__name__)


class Limit(NamedTuple):
    """An alert `rule` opens at or beyond `opens`; a later value at or within `resolves` ends it.

    The gap between the two keeps a value at the limit from opening an alert a day. Where `opens`
    is the greater one too much is bad, else too little.
    """

    rule: str
    opens: int
    resolves: int
    words: str

    def is_bad(self, value: int) -> bool:
        return value >= self.opens if self.opens > self.resolves else value <= self.opens

    def is_good(self, value: int) -> bool:
        return value <= self.resolves if self.opens > self.resolves else value >= self.resolves


class Field(NamedTuple):
    """One thing that a bin reports: an integer in `unit`; `fold` makes an hour of it one."""

    name: str
    unit: str
    words: str
    fold: Fold
    limits: tuple[Limit, ...] = ()


# A bin is emptied before it is full; a lithium cell under load is nearly empty at 3.4 V; below
# -85 dBm Wi-Fi drops frames; load cells are made for -10 to 40 °C (OIML R 76-1:2006, 3.9.2.2);
# a journal holds at least 2,000 records; MicroPython's TLS needs some 20 kB of heap.
SCHEMA = (
    Field("fill_pct", "%", "how full", "max", (Limit("full", 85, 70, "The bin is nearly full."),)),
    Field(
        "temp_c10",
        "0.1 °C",
        "temperature at the scale",
        "mean",
        (
            Limit("cold", -100, -90, "It is colder than the scale is made for."),
            Limit("hot", 400, 390, "It is hotter than the scale is made for."),
        ),
    ),
    Field(
        "battery_mv",
        "mV",
        "battery",
        "min",
        (Limit("battery_low", 3_400, 3_600, "The battery is nearly empty."),),
    ),
    Field(
        "rssi_dbm",
        "dBm",
        "strength of the radio signal",
        "mean",
        (Limit("signal_weak", -85, -80, "The radio signal is weak."),),
    ),
    Field(
        "heap_free",
        "B",
        "free memory",
        "min",
        (Limit("memory_low", 20_000, 30_000, "The controller runs out of memory."),),
    ),
    Field(
        "journal_depth",
        "records",
        "records that wait to be settled",
        "max",
        (Limit("journal_filling", 1_500, 1_000, "Too many records wait to be settled."),),
    ),
    Field("raw_zero", "counts", "converter's reading of the empty scale", "mean"),
)
FIELDS = tuple(field.name for field in SCHEMA)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one device reported at one moment; fields it cannot measure are None."""

    device: str
    at_s: int
    values: dict[str, int | None]


class StoreFault(Exception):
    """A store did not take or give samples; `again` if trying again may help."""

    def __init__(self, words: str, *, again: bool) -> None:
        super().__init__(words)
        self.again = again


class Store(Protocol):
    """Where samples lie. Every method may raise StoreFault."""

    def put(self, samples: Sequence[Sample], measurement: str = RAW) -> None: ...

    def newest(self) -> dict[str, Sample]:
        """Return the newest sample of each device within the last month or so."""

    def samples(
        self, device: str, since_s: int, until_s: int, measurement: str, limit: int
    ) -> list[Sample]:
        """Return samples of [since_s, until_s) in the order of time, the first `limit`."""

    def fold(self, from_s: int, until_s: int) -> None:
        """Write the full hours of [from_s, until_s) as one sample each; again is the same."""

    def forget(self, raw_before_s: int, hours_before_s: int) -> None:
        """Drop what is older, where the store does not do so by itself."""

    def close(self) -> None: ...


class Series:
    """The queue before a store. `write` returns at once, whatever the store does."""

    def __init__(self, store: Store, *, bound: int = BOUND, wait_s: float = WAIT_S) -> None:
        self.counts = Counts()
        self.store = store
        self._bound, self._wait_s = bound, wait_s
        self._queue: deque[Sample] = deque()
        self._heard: dict[str, Sample] = {}
        self._read_s: float | None = None
        self.readable = False  # whether the store has ever said what it holds
        self._busy = 0
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many samples wait."""
        return len(self._queue)

    def write(self, samples: Sequence[Sample]) -> None:
        """Queue samples; if too many wait, the oldest are shed and counted."""
        with self._changed:
            for sample in samples:
                self._hear(sample)
            self._queue.extend(samples)
            over = max(len(self._queue) - self._bound, 0)
            for _ in range(over):
                self._queue.popleft()
            self._changed.notify_all()
        self.counts.add("shed", over)

    def newest(self) -> dict[str, Sample]:
        """Return each device's newest sample, as far as it is known: see `readable`."""
        if self._read_s is None or time.monotonic() - self._read_s > REREAD_S:
            self._read_s = time.monotonic()
            try:
                found = self.store.newest()
            except StoreFault as fault:
                self.counts.add("unread")
                _log.warning("Telemetry could not be read: %s", fault)
            else:
                with self._changed:
                    for sample in found.values():
                        self._hear(sample)
                self.readable = True
        return dict(self._heard)

    def settle(self, timeout_s: float = 10.0) -> bool:
        """Wait until nothing waits any more; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, timeout_s)

    def close(self) -> None:
        """Give what waits one more try each, then let go; what is left is counted as lost."""
        self._over.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout=10)
        self.counts.add("lost", len(self._queue))
        self.store.close()

    def _hear(self, sample: Sample) -> None:
        known = self._heard.get(sample.device)
        if known is None and len(self._heard) >= DEVICES_MOST:
            return
        if known is None or known.at_s <= sample.at_s:
            self._heard[sample.device] = sample

    def _run(self) -> None:
        while batch := self._take():
            self._put(batch)
            with self._changed:
                self._busy = 0
                self._changed.notify_all()

    def _take(self) -> list[Sample]:
        """Wait for samples; nothing once it is over and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._over.is_set())
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            self._busy = len(batch)
            self._changed.notify_all()
            return batch

    def _put(self, batch: list[Sample]) -> None:
        for attempt in range(TRIES):
            try:
                self.store.put(batch)
            except StoreFault as fault:
                _log.warning("Telemetry was not taken: %s", fault)
                if not fault.again or self._over.is_set():
                    break
                self._over.wait(self._wait_s * 2**attempt)
            except Exception:
                # A thread that ended here would lose all that comes after, and say nothing.
                _log.exception("Telemetry was not taken, and nobody knows why.")
                break
            else:
                self.counts.add("written", len(batch))
                return
        self.counts.add("lost", len(batch))


def line_of(sample: Sample, measurement: str = RAW) -> str:
    """Return a sample in line protocol, time in seconds; empty if it measures nothing.

    A device's name has no character that line protocol would need escaped.
    """
    fields = [f"{k}={v}i" for k in FIELDS if (v := sample.values.get(k)) is not None]
    return (
        f"{measurement},device={sample.device} {','.join(fields)} {sample.at_s}" if fields else ""
    )
