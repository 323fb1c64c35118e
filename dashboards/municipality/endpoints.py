"""The municipality's streams: a page, and the same figures again whenever they have changed.

Each open page looks once a second whether anything was booked, which is one short read; only
then are the figures computed and sent. Streams end after a while and the browser comes back,
so that a session that is over does not go on watching.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from fastapi import Depends, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from markupsafe import Markup

from backend.budgets import picture
from backend.budgets.coverage import Coverage
from backend.reports import service as reports
from backend.services import Services
from dashboards.municipality import streams
from dashboards.municipality.table import table
from dashboards.page import HEADERS, Page, page_router, staff_page

router = page_router("/municipality")
Office = Annotated[Page, Depends(staff_page("reports:read"))]
Period = Annotated[Literal["today", "week", "month", "all"], Query()]
LOOK_EVERY_S = 1
SEND_AT_LEAST_EVERY_S = 20
STREAM_S = 120
RETRY_MS = 1_000


@router.get("")
def show_streams(page: Office, period: Period = "today") -> Response:
    return page.html(
        "municipality/streams.html",
        period=period,
        periods=streams.PERIODS,
        town_now=_overview(page, period),
        drawn=lambda days: _drawn(page, days),
    )


@router.get("/streams.csv")
def download_streams(page: Office, period: Period = "today") -> Response:
    """The period's streams as a table, in the reader's language."""
    found = _overview(page, period).total.streams
    name = f"streams-{period}.csv"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(table(page.language, found), headers=headers, media_type="text/csv")


@router.get("/live", response_class=EventSourceResponse)
async def live(page: Office, period: Period = "today") -> AsyncIterator[ServerSentEvent]:
    """Send the figures as the fragment that the page holds, each time that they have changed."""
    until, sent_at, sent_change = time.monotonic() + STREAM_S, 0.0, -1
    while time.monotonic() < until:
        change = await run_in_threadpool(_change, page.services)
        if change != sent_change or time.monotonic() - sent_at > SEND_AT_LEAST_EVERY_S:
            fragment = await run_in_threadpool(_fragment, page, period)
            sent_at, sent_change = time.monotonic(), change
            yield ServerSentEvent(raw_data=fragment, id=str(change), retry=RETRY_MS)
        await asyncio.sleep(LOOK_EVERY_S)


def _change(services: Services) -> int:
    with services.read() as conn:
        return reports.change(conn, services.ledger_id)


def _overview(page: Page, period: str) -> streams.Overview:
    return streams.overview(page.services, period, page.town.timezone)


def _fragment(page: Page, period: str) -> str:
    return page.text(
        "municipality/figures.html",
        town_now=_overview(page, period),
        drawn=lambda days: _drawn(page, days),
    )


def _drawn(page: Page, days: Sequence[Coverage]) -> Markup:
    """The days' coverage as a picture in the reader's language; its words are escaped there."""
    say = page.language.say
    words = {
        "title": say("What covers the credit"),
        "stock": say("Compost in stock"),
        "promised": say("Promised by merchants"),
        "avoided": say("Avoided disposal cost"),
        "outstanding": say("Credit outstanding"),
    }
    return Markup(picture.drawn(days, words))
