"""Wires a gateway: broker → writer → store → uplink → backend, and back. No rules live here."""

import gc
import logging
import time
from typing import Any, Self

from edge_gateway import attest
from edge_gateway.backend import Backend
from edge_gateway.broker import Arrival, BrokerClient
from edge_gateway.errors import StoreError
from edge_gateway.health import HealthServer, sort_tallies
from edge_gateway.inbox import Report
from edge_gateway.settings import Settings
from edge_gateway.store import Store
from edge_gateway.telemetry import Telemetry
from edge_gateway.uplink import Uplink
from edge_gateway.writer import Writer

log = logging.getLogger(__name__)


def keep_startup() -> None:
    """Take what the start has made out of the collector's rounds; once, by who runs the process.

    It lives as long as the process does, and looking through it again every few hundred messages
    took a tenth of the time of each.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class Gateway:
    """One gateway. start() returns at once; stop() ends cleanly and loses nothing."""

    def __init__(self, settings: Settings) -> None:
        """Open the store and the key; SettingsError or StoreError say what is wrong."""
        self.settings = settings
        self.telemetry = Telemetry(settings.telemetry_max)
        key = attest.load(settings.data_dir)
        self.store = Store(
            settings.data_dir / "gateway.db",
            max_bytes=settings.store_max_bytes,
            dead_letters_max=settings.dead_letters_max,
            dead_letters_per_device=settings.dead_letters_per_device,
        )
        self.broker = BrokerClient(
            settings,
            self._deliver,
            self._tend,
            self._confirm,
            retained=self.store.made_anew,
        )
        self.uplink = Uplink(
            settings, self.store, Backend(settings, key), self.telemetry, self.broker.publish
        )
        self.writer = Writer(self.store, self.broker.finish, self._report, self.uplink.news)
        self.health_server = HealthServer(settings.health_port, self.health)

    # The parts know one another only through these four.

    def _deliver(self, burst: list[Arrival]) -> None:
        self.writer.offer(burst)

    def _tend(self) -> float:
        return self.writer.tend()

    def _confirm(self, down_id: int) -> None:
        self.uplink.confirm(down_id)

    def _report(self, report: Report) -> None:
        self.telemetry.add(report, int(time.time()))

    def start(self) -> Self:
        """Start every part; return at once."""
        self.health_server.start()
        self.uplink.start()
        self.broker.start()
        log.info("gateway %s: health on port %d", self.settings.gateway, self.health_server.port)
        return self

    def stop(self) -> None:
        """The broker's side first: what is stored is still acknowledged, nothing new comes."""
        self.broker.stop()
        self.uplink.stop()
        self.health_server.stop()
        self.store.close()
        log.info("gateway %s stopped", self.settings.gateway)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether its threads still run; whether anybody answers them is health's business."""
        return self.broker.alive and self.uplink.alive

    def health(self) -> dict[str, Any]:
        """Counts, depths, losses and problems, as /healthz gives them."""
        try:
            depths, tallies = self.store.depths(), self.store.tallies()
        except StoreError as error:
            return {"ok": False, "problems": [str(error)], "gateway": self.settings.gateway}
        oldest_s = depths.pop("oldest_s")
        problems = [p for p in (self.writer.problem, self.broker.problem, self.uplink.problem) if p]
        if depths["parked"]:
            problems.append(f"{depths['parked']} messages are parked: the backend cannot read them")
        return {
            "ok": not problems,
            "problems": problems,
            "gateway": self.settings.gateway,
            "connected": self.broker.connected,
            "reconnects": max(0, self.broker.reconnects),
            "lag_s": max(0, int(time.time()) - oldest_s) if oldest_s else 0,
            "last_uplink_s": self.uplink.last_success_s,
            "queues": {
                "arrivals": self.writer.depth,
                "telemetry": self.telemetry.depth,
                **depths,
            },
            "losses": {
                "telemetry": self.telemetry.lost,
                "publishes": self.broker.lost_publishes,
                "dead_letters": tallies.pop("dead_letters_lost", 0),
                "asks_expired": tallies.pop("asks_expired", 0),
            },
            "counts": {**sort_tallies(tallies), "recorded_since_start": self.writer.recorded},
        }
