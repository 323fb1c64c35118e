"""Group commit: whatever came in one burst goes to disk in one commit, and only then is answered.

It works on the network's thread, between two reads, since nothing could be read meanwhile anyway: a
thread of its own made each record dearer by a tenth. A disk that refuses stops the answers, hence
the PUBACKs, hence the reading: nothing is lost, it waits.
"""

import logging
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
RECEIPT_IDLE_S = 0.002
RETRY_S = 0.5
IDLE_S = 1.0

Finish = Callable[[Sequence[Arrival], Sequence[Publish]], None]


class Writer:
    """`finish` acknowledges and publishes, `report` takes what may be lost, `stored` hears news.

    `monotonic_s` and `clock_s` give seconds: the one for waiting, the other since 1970.
    """

    def __init__(
        self,
        store: Store,
        finish: Finish,
        report: Callable[[Report], None],
        stored: Callable[[], None],
        clock_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.problem = ""
        self.recorded = 0  # new records since the start
        self._store = store
        self._finish = finish
        self._report = report
        self._stored = stored
        self._clock_s = clock_s
        self._monotonic_s = monotonic_s
        self._arrivals: list[Arrival] = []
        self._readings: list[Reading] = []
        self._retry_at_s = 0.0
        self._receipts = Receipts()
        self._gathering_since_s = 0.0

    @property
    def depth(self) -> int:
        """Messages that wait for the disk."""
        return len(self._arrivals)

    def offer(self, burst: Sequence[Arrival]) -> None:
        """Judge a burst and put it to what waits; tend() stores it."""
        self._arrivals += burst
        self._readings += [inbox.read(*_topic_and_bytes(arrival)) for arrival in burst]

    def tend(self) -> float:
        """Store and release what waits; return in how many seconds to come again at the latest."""
        now_s = self._monotonic_s()
        if self._readings and now_s >= self._retry_at_s:
            if not self._keep():
                self._retry_at_s = now_s + RETRY_S
                return RETRY_S
            self._release(now_s)
            return RECEIPT_IDLE_S
        if self._receipts.waiting:
            # Nothing came since: nobody gains by a receipt that waits for company.
            self._finish((), self._receipts.take())
        return RETRY_S if self._readings else IDLE_S

    def _keep(self) -> bool:
        """Put on disk what must not be lost; False, with the problem told, if the disk refuses."""
        batch = Batch(
            [r for r in self._readings if isinstance(r, Record)],
            [r for r in self._readings if isinstance(r, Message)],
            [r for r in self._readings if isinstance(r, Rejected)],
        )
        if not any(batch):
            return True
        try:
            self.recorded += self._store.commit(batch, int(self._clock_s()))
        except StoreError as error:
            if not self.problem:
                log.error("nothing is acknowledged: %s", error)
            self.problem = str(error)
            return False
        self.problem = ""
        self._stored()
        return True

    def _release(self, now_s: float) -> None:
        """PUBACK now; receipts gather for a few commits, so that one names many records."""
        arrivals, readings = self._arrivals, self._readings
        self._arrivals, self._readings = [], []
        if not self._receipts.waiting:
            self._gathering_since_s = now_s
        for reading in readings:
            if isinstance(reading, Report):
                self._report(reading)
            elif not isinstance(reading, Message) and (name := reading.name):
                self._receipts.add(reading.device, name)
        waited_s = now_s - self._gathering_since_s
        due = self._receipts.waiting >= RECEIPT_ROWS or waited_s >= RECEIPT_WAIT_S
        self._finish(arrivals, self._receipts.take() if due else ())


def _topic_and_bytes(arrival: Arrival) -> tuple[str, bytes]:
    try:
        return arrival.message.topic, bytes(arrival.message.payload)
    except UnicodeDecodeError:
        return "", bytes(arrival.message.payload)
