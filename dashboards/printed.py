"""A month's statement on a sheet of paper, for a resident and for the counter alike."""

import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query, Response

from backend.accounts.printed import printed
from backend.accounts.service import word
from backend.budgets import service as budgets
from backend.deposits import service as deposits
from backend.errors import BadInput
from backend.people import service as people
from dashboards.page import Page

Month = Annotated[str, Query(max_length=7)]


def month_sheet(page: Page, person_id: int, month: str) -> Response:
    """Answer a page that prints: `month` like 2027-01, or "" for this one. Raises BadInput."""
    from_s, until_s = span(month, page.services.now_s(), page.town.timezone)
    ledger_id = page.services.ledger_id
    with page.services.read() as conn:
        person = people.person(conn, ledger_id, person_id)
        sheet = printed(conn, ledger_id, person.account_id, from_s, until_s)
        claims = budgets.claims_of(conn, ledger_id, person.account_id)
        held = deposits.provisional(conn, ledger_id, person.account_id, page.services.now_s())
    return page.html(
        "statement.html",
        person=person,
        sheet=sheet,
        claims=claims,
        held=held,
        word=word,
        printed_s=page.services.now_s(),
    )


def span(month: str, now_s: int, timezone: str) -> tuple[int, int]:
    """Return when a month of the town begins and ends. Raises BadInput."""
    zone = ZoneInfo(timezone)
    try:
        first = (
            datetime.datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
            if month
            else datetime.datetime.fromtimestamp(now_s, zone).replace(
                day=1, hour=0, minute=0, second=0, microsecond=0
            )
        )
        after = (first + datetime.timedelta(days=32)).replace(day=1)
        return int(first.timestamp()), int(after.timestamp())
    except (ValueError, OverflowError):
        raise BadInput("Write a month like 2027-01.") from None
