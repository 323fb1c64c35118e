"""Group commit: whatever has arrived goes to disk in one commit, and only then is answered.

The broker's thread judges and enqueues while this one waits for the disk, which is most of what it
does. A disk that refuses stops the answers, hence the PUBACKs, hence the broker: nothing is lost.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from edge_gateway import inbox
from edge_gateway.broker import Arrival
from edge_gateway.errors import StoreError
from edge_gateway.inbox import Message, Reading, Record, Rejected, Report
from edge_gateway.receipts import Publish, Receipts
from edge_gateway.store import Batch, Store

log = logging.getLogger(__name__)

RECEIPT_ROWS = 200
RECEIPT_WAIT_S = 0.02
RETRY_S = 0.5

Judged = tuple[Reading, Arrival]
Finish = Callable[[Sequence[Arrival], Sequence[Publish]], None]


class Writer:
    """`finish` acknowledges and publishes, `report` takes what may be lost, `stored` hears news."""

    def __init__(
        self,
        store: Store,
        finish: Finish,
        report: Callable[[Report], None],
        stored: Callable[[], None],
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self.problem = ""
        self.recorded = 0  # new records since the start
        self._store = store
        self._finish = finish
        self._report = report
        self._stored = stored
        self._clock_s = clock_s
        self._queue: queue.SimpleQueue[list[Judged]] = queue.SimpleQueue()
        self._receipts = Receipts()
        self._gathering_since_s: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand. What was not acknowledged, the broker delivers again."""
        self._stopping.set()
        self._queue.put([])
        if self._thread.is_alive():
            self._thread.join()

    @property
    def depth(self) -> int:
        """Bursts that wait for the disk."""
        return self._queue.qsize()

    def offer(self, burst: list[Arrival]) -> None:
        """Judge a burst and enqueue it; the broker's side bounds how many are unanswered."""
        self._queue.put([(inbox.read(*_topic_and_bytes(a)), a) for a in burst])

    def _run(self) -> None:
        while not self._stopping.is_set():
            judged = self._take()
            if judged:
                self._process(judged)
            elif self._receipts.waiting:
                self._finish((), self._take_receipts())

    def _take(self) -> list[Judged]:
        """Wait for arrivals; return none when receipts should not wait any longer."""
        judged: list[Judged] = []
        with contextlib.suppress(queue.Empty):
            judged += self._queue.get(timeout=RECEIPT_WAIT_S / 10 if self._receipts.waiting else 1)
            while True:
                judged += self._queue.get_nowait()
        return judged

    def _process(self, judged: list[Judged]) -> None:
        readings = [reading for reading, _ in judged]
        if not self._keep(readings):
            return
        for reading in readings:
            if isinstance(reading, Report):
                self._report(reading)
            elif not isinstance(reading, Message) and reading.name:
                self._receipts.add(reading.device, reading.name)
        self._release([arrival for _, arrival in judged])

    def _keep(self, readings: Sequence[Reading]) -> bool:
        """Store what must not be lost, however long that takes; False if stopped meanwhile."""
        batch = Batch(
            [r for r in readings if isinstance(r, Record)],
            [r for r in readings if isinstance(r, Message)],
            [r for r in readings if isinstance(r, Rejected)],
        )
        if not any(batch):
            return True
        while not self._stopping.is_set():
            try:
                self.recorded += self._store.commit(batch, int(self._clock_s()))
            except StoreError as error:
                log.error("nothing is acknowledged: %s", error)
                self.problem = str(error)
                self._stopping.wait(RETRY_S)
            else:
                self.problem = ""
                self._stored()
                return True
        return False

    def _release(self, arrivals: Sequence[Arrival]) -> None:
        """PUBACK now; receipts gather for a few commits, so that one names many records."""
        now_s = time.monotonic()
        if self._receipts.waiting and self._gathering_since_s is None:
            self._gathering_since_s = now_s
        since_s = now_s if self._gathering_since_s is None else self._gathering_since_s
        due = self._receipts.waiting >= RECEIPT_ROWS or now_s - since_s >= RECEIPT_WAIT_S
        self._finish(arrivals, self._take_receipts() if due else ())

    def _take_receipts(self) -> list[Publish]:
        self._gathering_since_s = None
        return self._receipts.take()


def _topic_and_bytes(arrival: Arrival) -> tuple[str, bytes]:
    try:
        return arrival.message.topic, bytes(arrival.message.payload)
    except UnicodeDecodeError:
        return "", bytes(arrival.message.payload)
