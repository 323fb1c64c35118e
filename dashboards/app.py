"""The wiring of the pages: `mount(app)` adds them and their static files to a backend."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from dashboards.access import endpoints as access
from dashboards.counter import endpoints as counter
from dashboards.municipality import endpoints as municipality
from dashboards.page import HERE
from dashboards.public import endpoints as public
from dashboards.resident import endpoints as resident

ROOMS = (public, access, resident, counter, municipality)


def mount(app: FastAPI) -> None:
    """Add every page to an application that has `app.state.services`."""
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for room in ROOMS:
        app.include_router(room.router)
