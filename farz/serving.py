"""The backend and its pages in one uvicorn process on the loopback."""

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
    """Serve until SIGTERM; what was accepted is booked before the process ends."""
    uvicorn.run(
        build(Settings()),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        timeout_graceful_shutdown=5,
    )
