"""A resident's pages: what is theirs, and nothing of anybody else's."""

from typing import Annotated

from fastapi import Depends, Path, Query, Response

from backend.budgets import service as budgets
from backend.cards import service as cards
from backend.deposits import service as deposits
from backend.ledger import balances
from backend.ledger.melt_forecast import forecast
from backend.people import service as people
from backend.reports import totals
from backend.schemas import Digits
from dashboards.page import Page, page_router, resident_page
from dashboards.printed import Month, month_sheet

router = page_router("/me")
Mine = Annotated[Page, Depends(resident_page)]
Moment = Annotated[int | None, Digits, Query(ge=0, lt=2**53)]
Device = Annotated[str, Path(max_length=32)]
Epoch = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Seq = Annotated[int, Digits, Path(ge=0, lt=2**53)]
ON_A_PAGE = 10


@router.get("")
def show_home(page: Mine, before: Moment = None) -> Response:
    """Balance first, then kilograms, then the newest deposits or those before a moment."""
    ledger_id = page.services.ledger_id
    with page.services.read() as conn:
        person = people.person(conn, ledger_id, page.person_id)
        balance = balances.balance(conn, ledger_id, person.account_id)
        melts = forecast(conn, ledger_id, person.account_id, page.services.now_s())
        own_cards = cards.of_person(conn, ledger_id, person.id)
        claims = budgets.claims_of(conn, ledger_id, person.account_id)
        fractions = totals.of_person(conn, ledger_id, person.id)
        found = deposits.of_person(
            conn,
            ledger_id,
            person.id,
            before_s=before,
            limit=ON_A_PAGE + 1,
            vault=page.services.vault,
        )
    return page.html(
        "resident/home.html",
        person=person,
        balance=balance,
        melts=melts,
        claims=claims,
        cards=own_cards,
        fractions=fractions,
        deposits=found[:ON_A_PAGE],
        older_s=found[ON_A_PAGE - 1].effective_s if len(found) > ON_A_PAGE else None,
        before_s=before,
    )


@router.get("/deposits/{device}/{epoch}/{seq}")
def explain(page: Mine, device: Device, epoch: Epoch, seq: Seq) -> Response:
    """Say what one deposit's credit rests on."""
    services = page.services
    with services.read() as conn:
        deposit = deposits.own(
            conn, services.ledger_id, page.person_id, device, epoch, seq, services.vault
        )
    return page.html("resident/deposit.html", deposit=deposit)


@router.get("/statement")
def show_statement(page: Mine, month: Month = "") -> Response:
    """A month on a sheet of paper; this one where none is asked for."""
    return month_sheet(page, page.person_id, month)
