"""A synthetic town behind a real server on the loopback, with some weeks of deposits in it."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from backend.towns import service as towns
from farz.founding import ripe_compost
from tests.backend import village
from tests.backend.village import AMAL, BASSAM, START_S, STRANGER, Bin, Town
from tests.fixtures.towns import with_pages

START_WITHIN_S = 10
DAY_S = 86_400
STOCK_G = 40_000


@dataclass
class Site:
    """A town and the address at which a browser finds its pages."""

    url: str
    town: Town
    paper_bin: Bin

    def bring(self, uid: bytes, net_g: int, bin_: Bin | None = None, **changes: object) -> str:
        """Somebody brings waste now; return what became of it."""
        town, used = self.town, bin_ or self.town.bin
        town.clock.now_s += 60
        up_ms = used.up_ms + (town.clock.now_s - used.base_s) * 1000
        jws = used.deposit(
            uid=uid,
            net_g=net_g,
            after_g=10_000 + net_g,
            at_s=town.clock.now_s,
            up_ms=up_ms,
            **changes,
        )
        outcome: str = town.gateway.relay((used.device, jws))["results"][0]["outcome"]
        return outcome


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Found, furnish and serve a town; everything is stopped at the end."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FARZ_SYNTHETIC", "1")
            town = stack.enter_context(village.town(folder, "", build=with_pages))
        app = town.client.app
        assert isinstance(app, FastAPI)
        url = stack.enter_context(_server(app))
        site = Site(url, town, _second_bin(town))
        _furnish(site)
        yield site


@contextmanager
def _server(app: FastAPI) -> Iterator[str]:
    """The town's own client runs the application's start and end; this only listens."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="pages")
    thread.start()
    try:
        deadline = time.monotonic() + START_WITHIN_S
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def _second_bin(town: Town) -> Bin:
    with town.services.begin() as conn:
        square = towns.add_point(conn, 1, "ساحة المسجد", now_s=START_S - 1000)
    return town.add_bin("bin-2", point_id=square.id)


def _furnish(site: Site) -> None:
    """Three weeks in which every outcome happens, and stock for the counter."""
    town = site.town
    ripe_compost(town.services, town.product.id, STOCK_G, by="staff:2", key="first")
    for day in range(21):
        town.clock.now_s = START_S + day * DAY_S
        site.bring(AMAL, 2_240 + 130 * (day % 5))
        site.bring(BASSAM, 1_870 + 90 * (day % 4))
        if day % 3 == 0:
            site.bring(AMAL, 460 + 20 * day, site.paper_bin, fraction="plastic")
    site.bring(STRANGER, 1_500)
    site.bring(AMAL, 900, site.paper_bin, fraction="glass")
    site.bring(AMAL, 3_100, flags=["unstable"])
    site.bring(AMAL, 2_600)
    town.gateway.message(town.bin.device, "birth", town.bin.birth())
