"""Routes of transfers: booking them, one leg or several, and looking them up."""

from typing import Annotated

from fastapi import APIRouter, Path, status

from backend.access.dependencies import SignedIn, WithServices
from backend.idempotency import Key
from backend.ledger.transfers import HoldTerms, Leg
from backend.problems import problems
from backend.schemas import LARGEST, Digits
from backend.transfers import holds, rules, service
from backend.transfers.holds import Hold
from backend.transfers.schemas import GroupOut, SettlementIn, TransferIn
from backend.transfers.service import Booked, Transfer

router = APIRouter(prefix="/v1", tags=["transfers"])
Number = Annotated[int, Digits, Path(ge=1, le=LARGEST)]


@router.post(
    "/transfers",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def book(body: TransferIn, who: SignedIn, services: WithServices, key: Key) -> GroupOut:
    """Book legs, all of them or none.

    Residents pay from their own account. Staff book payments between members with
    `transfers:book`, and corrections with `transfers:correct`.
    """
    legs = [
        Leg(
            leg.debit_account_id,
            leg.credit_account_id,
            leg.amount,
            rules.CODES[leg.code],
            leg.corrects_id,
            None if leg.hold is None else HoldTerms(leg.hold.expires_s, leg.hold.on_expiry),
        )
        for leg in body.legs
    ]
    made = service.book(
        services, who, legs, effective_s=body.effective_s, reason=body.reason, key=key
    )
    return group_out(made, made.transfers)


@router.get("/transfers/{transfer_id}", responses=problems(401, 403, 404, 422, 503))
def read_transfer(transfer_id: Number, who: SignedIn, services: WithServices) -> Transfer:
    who.require_if_staff("transfers:read")
    with services.read() as conn:
        found = service.transfer(conn, who.ledger_id, transfer_id)
        return service.seen_by(conn, who, (found,))[0]


@router.get("/transfers/groups/{group_id}", responses=problems(401, 403, 404, 422, 503))
def readgroup_out(group_id: Number, who: SignedIn, services: WithServices) -> GroupOut:
    """A group by its number, which is its first transfer's."""
    who.require_if_staff("transfers:read")
    with services.read() as conn:
        found = service.group_of(conn, who.ledger_id, group_id)
        return group_out(found, service.seen_by(conn, who, found.transfers))


@router.get("/holds/{hold_id}", responses=problems(401, 403, 404, 422, 503))
def read_hold(hold_id: Number, who: SignedIn, services: WithServices) -> Hold:
    """What is reserved, until when, and how it ended."""
    who.require_if_staff("transfers:read")
    with services.read() as conn:
        found = holds.hold(conn, who.ledger_id, hold_id)
        service.seen_by(conn, who, (found.hold,))
    return found


@router.post(
    "/holds/{hold_id}/settlement",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def settle_hold(
    hold_id: Number, body: SettlementIn, who: SignedIn, services: WithServices, key: Key
) -> GroupOut:
    """Settle a hold, once: post it in whole or in part, or void it.

    Whoever pays may post it whole, whoever is paid may void it, staff with `transfers:book` all.
    """
    made = holds.settle(services, who, hold_id, outcome=body.outcome, amount=body.amount, key=key)
    return group_out(made, made.transfers)


def group_out(found: Booked, transfers: tuple[Transfer, ...]) -> GroupOut:
    """A group as JSON, with those of its transfers that are shown."""
    return GroupOut(
        group_id=found.group_id,
        transfers=list(transfers),
        booked_by=found.booked_by,
        reason=found.reason,
        replayed=found.replayed,
    )
