"""The backend and its pages in one uvicorn process on the loopback."""

import sys
import time
from contextlib import suppress
from socket import socket

import uvicorn
from fastapi import FastAPI

import dashboards.app
from backend.app import create_app
from backend.services import Services
from backend.settings import Settings
from backend.watching import logs
from edge_gateway.notify import notify, watchdog_s


class Server(uvicorn.Server):
    """Tells systemd when the socket is open, and that it is alive as long as it can book."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services
        self._watchdog_s = watchdog_s()
        self._told_s = 0.0

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify("READY=1")

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        notify("STOPPING=1")
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        due = self._watchdog_s is not None and time.monotonic() - self._told_s >= self._watchdog_s
        if due and self._services.poster.alive:
            notify("WATCHDOG=1")
            self._told_s = time.monotonic()
        return await super().on_tick(counter)


def build(settings: Settings) -> FastAPI:
    """One town's API with its pages."""
    app = create_app(settings)
    dashboards.app.mount(app)
    return app


def serve(port: int, host: str = "127.0.0.1") -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted is booked before the process ends."""
    settings = Settings()
    logs.configure(settings)
    app = build(settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    if sys.stderr.isatty():
        where = f"http://{host}:{port}/"
        sys.stderr.write(f"{settings.data_dir} is served at {where}  Ctrl-C stops.\n")
    with suppress(KeyboardInterrupt):  # uvicorn raises what it has stopped for once more
        Server(config, app.state.services).run()
