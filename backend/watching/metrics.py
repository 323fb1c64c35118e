"""Figures for Prometheus: requests by route, and how far behind anything is. Nobody is in them.

Labels are routes' templates, outcomes, gateways and states: a bounded set, and never a card.
What is read from the books is read at most every KEPT_S, however often somebody asks.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from backend import tables as t
from backend.devices import gaps
from backend.devices import service as devices
from backend.ledger import log, tiles
from backend.ledger.errors import LedgerError

if TYPE_CHECKING:
    from backend.services import Services

KEPT_S = 15.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
Values = Mapping[tuple[str, ...], float]
_log = logging.getLogger(__name__)


class Metrics:
    """One backend's figures; each has a registry of its own, so that tests do not mix them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "farz_requests", "Requests answered.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "farz_request_seconds", "Seconds to the answer's first byte.", ["route"],
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10), registry=self.registry,
        )  # fmt: skip

    def watch(self, services: "Services") -> None:
        """Tell of a town as well."""
        self.registry.register(_Town(services))

    def took(self, method: str, route: str, status: int, took_s: float) -> None:
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(took_s)

    def text(self) -> bytes:
        """The figures as Prometheus reads them."""
        return generate_latest(self.registry)


class Figure(NamedTuple):
    """`read` gives a value for each combination of labels. Counters only ever grow."""

    name: str
    words: str
    labels: tuple[str, ...]
    read: Callable[["Services"], Values]
    counter: bool = False


class _Town(Collector):
    def __init__(self, services: "Services") -> None:
        self._services = services
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._until_s = 0.0

    def describe(self) -> Iterable[Metric]:
        """Nothing is read just to be registered."""
        return ()

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() >= self._until_s:
                self._kept = [_family(each, _read(each, self._services)) for each in FIGURES]
                self._until_s = time.monotonic() + KEPT_S
            return list(self._kept)


def _read(figure: Figure, services: "Services") -> Values:
    """A figure that cannot be read is left out; the others are told all the same."""
    try:
        return figure.read(services)
    except (SQLAlchemyError, LedgerError, OSError) as error:
        _log.warning("farz_%s cannot be read: %s", figure.name, type(error).__name__)
        return {}


def _family(figure: Figure, values: Values) -> Metric:
    kind = CounterMetricFamily if figure.counter else GaugeMetricFamily
    family = kind(f"farz_{figure.name}", figure.words, labels=figure.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _depth(services: "Services") -> Values:
    return {(): services.poster.depth}


def _transfers(services: "Services") -> Values:
    with services.read() as conn:
        return {(): tiles.size(conn, services.ledger_id)}


def _unsigned(services: "Services") -> Values:
    with services.read() as conn:
        signed = log.last_checkpoint_size(conn, services.ledger_id)
        return {(): tiles.size(conn, services.ledger_id) - signed}


def _answered(services: "Services") -> Values:
    return {(name,): n for name, n in services.answered.now().items()}


def _telemetry(services: "Services") -> Values:
    return {(name,): n for name, n in services.telemetry.counts.now().items()}


def _heard(services: "Services") -> Values:
    """Seconds since a gateway last brought anything of a device."""
    heard: dict[int, int] = {}
    device, gateway = t.device.c, t.gateway.c
    with services.read() as conn:
        names = conn.execute(
            select(gateway.id, gateway.name).where(
                gateway.ledger_id == services.ledger_id, gateway.revoked_s.is_(None)
            )
        ).all()
        seen = select(device.gateway_id, device.seen_s).where(
            device.ledger_id == services.ledger_id, device.seen_s.is_not(None)
        )
        for row in conn.execute(seen):
            heard[row.gateway_id] = max(heard.get(row.gateway_id, 0), row.seen_s)
    now_s = services.now_s()
    return {(row.name,): max(0, now_s - heard[row.id]) for row in names if row.id in heard}


def _missing(services: "Services") -> Values:
    with services.read() as conn:
        return {
            (): sum(
                journal.missing
                for device in devices.devices(conn, services.ledger_id)
                for journal in gaps.journals(conn, services.ledger_id, device.id)
            )
        }


def _states(services: "Services") -> Values:
    counts: dict[tuple[str, ...], float] = {}
    with services.read() as conn:
        row = t.device.c
        mine = (row.ledger_id == services.ledger_id, row.id != devices.DESK)
        query = select(row.state).where(*mine)
        for state in conn.scalars(query):
            counts[(state or "never_seen",)] = counts.get((state or "never_seen",), 0) + 1
    return counts


def _recovering(services: "Services") -> Values:
    return {(): float(services.recovery.now() is not None)}


def _bytes(services: "Services") -> Values:
    """Files of the data directory; a log that cannot be cut shows here first."""
    found = services.settings.data_dir.glob("*.sqlite*")
    return dict(_sizes(each for each in found if each.suffix != ".lock"))


def _sizes(paths: Iterable[Path]) -> Iterator[tuple[tuple[str, ...], float]]:
    for path in paths:
        if ".before-" not in path.name:
            yield (path.name,), path.stat().st_size


FIGURES = (
    Figure("poster_depth", "Requests that wait to be booked.", (), _depth),
    Figure("transfers", "Transfers in the books.", (), _transfers),
    Figure("log_unsigned", "Transfers since the last signed checkpoint.", (), _unsigned),
    Figure("answered", "Records by outcome or refusal.", ("outcome",), _answered, counter=True),
    Figure("telemetry", "Telemetry written or lost.", ("what",), _telemetry, counter=True),
    Figure("gateway_silent_seconds", "Since it brought anything.", ("gateway",), _heard),
    Figure("journal_missing", "Records that bins have signed and the books lack.", (), _missing),
    Figure("devices", "Devices by what they last said.", ("state",), _states),
    Figure("recovering", "1 while a restored town only reads.", (), _recovering),
    Figure("file_bytes", "Size of the data directory's files.", ("file",), _bytes),
)
