"""Routes that read money: an account's balance and statement, the currency as a whole.

A resident reads the account that is theirs and finds nothing of anybody else's.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from sqlalchemy import Connection

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.accounts import service
from backend.accounts.schemas import (
    AccountOut,
    LineOut,
    MoneyOut,
    SupplyOut,
    VelocityOut,
)
from backend.accounts.service import Moment
from backend.budgets import coverage
from backend.errors import BadInput, NotFound
from backend.ledger import history, totals
from backend.ledger.accounts import CREDIT
from backend.problems import problems
from backend.schemas import LARGEST, After, Digits, PageSize

router = APIRouter(prefix="/v1", tags=["accounts"])
Reader = Annotated[Who, Depends(staff_with("reports:read"))]
AccountId = Annotated[int, Digits, Path(ge=1, le=LARGEST)]
Moments = Annotated[int | None, Digits, Query(ge=0, le=2**40)]
DAY_S = 86_400
DAYS_MOST = 3_700


def may_read(conn: Connection, who: Who, account_id: int, scope: str) -> None:
    """Raises Forbidden for staff without the scope, NotFound for what is not a resident's own.

    Raises UnknownAccount for what is nobody's in this town.
    """
    who.require_if_staff(scope)
    owner = service.owner(conn, who.ledger_id, account_id)
    if owner is not None:
        who.require_theirs(owner, scope)
    elif who.kind == "resident":
        raise NotFound("There is no such account of yours.")
    else:
        service.account(conn, who.ledger_id, account_id)


@router.get("/accounts/{account_id}", responses=problems(401, 403, 404, 422, 503))
def read_account(account_id: AccountId, who: SignedIn, services: WithServices) -> AccountOut:
    """The balance now, what is available of it, and the limits in force."""
    with services.read() as conn:
        may_read(conn, who, account_id, "balances:read")
        found = service.account(conn, who.ledger_id, account_id)
        balance = service.balance(conn, who.ledger_id, account_id)
    return AccountOut(
        account_id=found.id,
        currency=found.currency,
        scale=found.scale,
        balance=balance.posted,
        held=balance.held,
        available=balance.available,
        min_balance=found.min_balance,
        max_balance=found.max_balance,
        soft_min=found.soft_min,
        soft_max=found.soft_max,
        closed=found.closed,
    )


@router.get("/accounts/{account_id}/balance", responses=problems(401, 403, 404, 422, 503))
def read_balance_at(
    account_id: AccountId,
    who: SignedIn,
    services: WithServices,
    at_recorded_s: Moments = None,
    at_id: After = None,
) -> Moment:
    """The balance of the past: when a second of recorded time ended, or after a transfer."""
    with services.read() as conn:
        may_read(conn, who, account_id, "balances:read")
        return service.balance_at(
            conn, who.ledger_id, account_id, recorded_s=at_recorded_s, upto_id=at_id
        )


@router.get("/accounts/{account_id}/statement", responses=problems(401, 403, 404, 422, 503))
def read_statement(
    account_id: AccountId,
    who: SignedIn,
    services: WithServices,
    before_id: After = None,
    limit: PageSize = 50,
) -> list[LineOut]:
    """Movements, newest first; the next page starts before the last one's `transfer_id`."""
    with services.read() as conn:
        may_read(conn, who, account_id, "statements:read")
        found = service.statement(conn, who.ledger_id, account_id, before_id=before_id, limit=limit)
    return [
        LineOut(
            transfer_id=line.transfer_id,
            group_id=line.group_id,
            code=service.word(line.code),
            amount=line.amount,
            balance_after=line.balance_after,
            other_account_id=line.other_account_id,
            effective_s=line.effective_s,
            recorded_us=line.recorded_us,
        )
        for line in found
    ]


@router.get("/money", responses=problems(401, 403, 422, 503))
def read_money(who: Reader, services: WithServices, at_recorded_s: Moments = None) -> MoneyOut:
    """What was issued, retired and is outstanding, now or then, and what covers it now."""
    with services.read() as conn:
        upto_id = history.last_id(conn, who.ledger_id)
        if at_recorded_s is not None:
            upto_id = history.id_at(conn, who.ledger_id, at_recorded_s * 1_000_000 + 999_999)
        supply = totals.supply(conn, who.ledger_id, upto_id)
        covered = coverage.coverage(conn, who.ledger_id, now_s=services.now_s())
        shortfall = service.shortfall(conn, who.ledger_id)
    return MoneyOut(
        upto_id=upto_id,
        supply=[
            SupplyOut(
                currency=each.code,
                scale=each.scale,
                issued=each.issued,
                retired=each.retired,
                melted=each.melted,
                outstanding=each.outstanding,
            )
            for each in supply
        ],
        coverage=covered,
        shortfall=shortfall,
    )


@router.get("/money/velocity", responses=problems(401, 403, 422, 503))
def read_velocity(
    who: Reader,
    services: WithServices,
    days: Annotated[int, Digits, Query(ge=1, le=DAYS_MOST)] = 30,
    until_s: Moments = None,
) -> VelocityOut:
    """Trade of whole days (UTC) up to and with the day of `until_s` or today."""
    last_day = (services.now_s() if until_s is None else until_s) // DAY_S
    if last_day + 1 < days:
        raise BadInput("There are not so many days before that one.")
    with services.read() as conn:
        found = totals.turnover(conn, who.ledger_id, CREDIT, last_day + 1 - days, last_day + 1)
    return VelocityOut(
        currency="credit",
        from_s=found.from_day * DAY_S,
        until_s=found.until_day * DAY_S,
        transfers=found.transfers,
        volume=found.volume,
        average_outstanding=found.average_outstanding,
        velocity=found.velocity,
    )
