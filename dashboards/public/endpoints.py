"""The start page: what this is, and the two ways in."""

from fastapi import Response

from dashboards.access.endpoints import home_of
from dashboards.page import AnyPage, page_router

router = page_router()


@router.get("/")
def start(page: AnyPage) -> Response:
    return page.html("public/start.html", home=home_of(page.who))
