"""Carries what is on disk to the backend, and what the backend says back to the bins.

One thread: take the oldest, relay, write the answers down, publish. Every step may be repeated.
Whatever goes wrong, the rows stay: it waits (exponential back-off with jitter) and tries again.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from edge_gateway.backend import Again, Backend
from edge_gateway.errors import (
    BackendBusy,
    BackendFault,
    BackendRefused,
    BatchRefused,
    GatewayError,
    UplinkError,
)
from edge_gateway.receipts import Down, Publish, from_backend
from edge_gateway.settings import Settings
from edge_gateway.store import Item, Store
from edge_gateway.telemetry import Telemetry

log = logging.getLogger(__name__)

EXPIRE_EVERY_S = 600.0
STUBBORN = 5  # failures in a row after which a batch, not the backend, is suspected of a 500
UNDER_WAY_S = 5.0  # a message to a device that is not confirmed by then is published once more
UNSAID_S = 60  # answers older than this have reached the broker, or the broker was away


class Uplink:
    """`publish` sends messages to devices; `confirm` is told when the broker has taken one."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        backend: Backend,
        telemetry: Telemetry,
        publish: Callable[[Sequence[Publish]], None],
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self.problem = ""
        self.failures = 0
        self.batches = 0
        self.last_success_s: int | None = None
        self._settings = settings
        self._store = store
        self._backend = backend
        self._telemetry = telemetry
        self._publish = publish
        self._clock_s = clock_s
        self._delivered: set[int] = set()
        self._under_way: dict[int, float] = {}  # messages to devices: when each was published
        self._lock = threading.Lock()
        self._telemetry_s = self._expire_s = float("-inf")
        self._resumed = False
        self._asked: Again | None = None
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join()
        self._backend.close()

    def news(self) -> None:
        """Something was stored: do not wait for the next poll. Any thread."""
        self._news.set()

    def confirm(self, down_id: int) -> None:
        """A message to a device was taken by the broker; said to the backend next time."""
        with self._lock:
            self._delivered.add(down_id)

    # --- the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                moved = self.step()
            except GatewayError as error:
                self._wait_after(error)
            except Exception as error:
                log.exception("a fault in the gateway; everything stays on disk")
                self._wait_after(GatewayError(f"A fault in the gateway: {error!r}"))
            else:
                self.problem, self.failures = "", 0
                if not moved:
                    self._news.wait(self._settings.poll_s)

    def _wait_after(self, error: GatewayError) -> None:
        self.failures += 1
        wait_s = self.backoff_s(error)
        if str(error) != self.problem:
            log.warning("nothing is lost, trying again in %.1f s: %s", wait_s, error)
        self.problem = str(error)
        self._stopping.wait(wait_s)

    def backoff_s(self, error: GatewayError) -> float:
        """Exponential with full jitter above a half; never sooner than the backend asked for."""
        doubled = self._settings.backoff_s * float(2 ** min(self.failures - 1, 20))
        wait_s = min(doubled, self._settings.backoff_max_s) * random.uniform(0.5, 1.0)
        return max(wait_s, error.retry_after_s) if isinstance(error, BackendBusy) else wait_s

    def step(self) -> bool:
        """Relay one batch (or ask for messages down); return whether there was anything to relay.

        Raises UplinkError or StoreError, with everything still on disk.
        """
        self._keep_house()
        if self.failures:
            # A small question first: no batch is made for a backend that is still away.
            self._post(())
        items = self._store.pending(self._settings.batch_records)
        self._relay(items)
        self._send_telemetry()
        return bool(items)

    def _relay(self, items: Sequence[Item]) -> None:
        """Post a batch. One that cannot be read is halved until the one at fault stands alone."""
        try:
            self._post(items)
        except (BatchRefused, BackendFault) as error:
            if isinstance(error, BackendFault) and (not items or self.failures < STUBBORN):
                raise
            if not items:
                # Not even an empty question is understood: the fault is not with a record.
                raise BackendRefused(str(error)) from error
            if len(items) == 1:
                self._park(items[0], error)
                return
            middle = len(items) // 2
            self._relay(items[:middle])
            self._relay(items[middle:])

    def _post(self, items: Sequence[Item]) -> None:
        with self._lock:
            delivered = sorted(self._delivered)
        relayed = self._backend.uplink(items, delivered, self._again())
        with self._lock:
            self._delivered.difference_update(delivered)
        now_s = int(self._clock_s())
        # A person waits for the answer, nobody for its note; unnoted, it is only asked for again.
        self._pass_down(relayed.down, now_s)
        if relayed.results:
            self._store.settle(relayed.results, now_s)
        self._take_request(relayed.again)
        self.batches += 1
        self.last_success_s = now_s

    def _again(self) -> dict[str, int] | None:
        """What to tell a backend that has asked to relay again."""
        if self._asked is None:
            return None
        found = self._store.relay_for(self._asked.id, self._asked.since_s)
        oldest_s = int(self._clock_s()) - self._settings.retention_s
        return {
            "id": self._asked.id,
            "found": found,
            "waiting": self._store.waiting(),
            "since_s": max(0, oldest_s, self._store.since_s()),
        }

    def _take_request(self, again: Again | None) -> None:
        """A restored backend asks until it has what it misses; each request is met once."""
        if again is not None and again != self._asked:
            found = self._store.relay_for(again.id, again.since_s)
            log.warning("the backend was restored: %d messages are relayed again", found)
        self._asked = again

    def _park(self, item: Item, error: BatchRefused | BackendFault) -> None:
        """Put one row aside, but only if the backend understands us when it is left out."""
        self._relay(())
        log.error("parked %s %s %d: %s", item.device, item.channel, item.seq, error)
        self._store.park(item, f"http_{error.status}", int(self._clock_s()))

    def _pass_down(self, downs: Sequence[Down], now_s: int) -> None:
        publishes, dropped = from_backend(downs, now_s)
        self._publish(self._fresh(publishes))
        for down_id in dropped:
            self.confirm(down_id)

    def _fresh(self, publishes: Sequence[Publish]) -> list[Publish]:
        """Leave out what is on its way: a bin alarms over an order that comes twice."""
        began_s = time.monotonic()
        self._under_way = {
            down_id: at_s
            for down_id, at_s in self._under_way.items()
            if began_s - at_s < UNDER_WAY_S
        }
        fresh = [each for each in publishes if each.down_id not in self._under_way]
        for each in fresh:
            if each.down_id is not None:
                self._under_way[each.down_id] = began_s
        return fresh

    def _keep_house(self) -> None:
        if not self._resumed:
            # Either side may be newer than when a row was parked, and answers may have died with
            # the process before this one.
            self._store.unpark()
            self._store.relay_latest(UNSAID_S)
            self._resumed = True
        if time.monotonic() - self._expire_s >= EXPIRE_EVERY_S:
            self._store.expire(int(self._clock_s()), self._settings.retention_s)
            self._expire_s = time.monotonic()

    def _send_telemetry(self) -> None:
        due = time.monotonic() - self._telemetry_s >= self._settings.telemetry_s
        if not due or not self._telemetry.depth:
            return
        self._telemetry_s = time.monotonic()
        taken = self._telemetry.take()
        try:
            self._backend.telemetry(taken)
        except (BatchRefused, BackendRefused) as error:
            log.warning("telemetry refused and dropped: %s", error)
            self._telemetry.lost += len(taken["points"])
        except UplinkError:
            self._telemetry.put_back(taken)
            raise
