"""The backend and its pages in one uvicorn process on the loopback."""

import sys

import uvicorn
from fastapi import FastAPI

import dashboards.app
from backend.app import create_app
from backend.settings import Settings


def build(settings: Settings) -> FastAPI:
    """One town's API with its pages."""
    app = create_app(settings)
    dashboards.app.mount(app)
    return app


def serve(port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted is booked before the process ends."""
    settings = Settings()
    sys.stderr.write(f"{settings.data_dir} is served at http://127.0.0.1:{port}/  Ctrl-C stops.\n")
    uvicorn.run(
        build(settings),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
