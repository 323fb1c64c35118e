"""Routes of counters: closing a day. Counter 0 is the one that every town has."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.counters import service
from backend.counters.schemas import CloseOut
from backend.problems import problems
from backend.schemas import RowId

router = APIRouter(prefix="/v1/counters", tags=["counters"])
Reader = Annotated[Who, Depends(staff_with("compost:read"))]
Clerk = Annotated[Who, Depends(staff_with("redemptions:make"))]


@router.get("/{counter_id}/closes", responses=problems(401, 403, 404, 422, 503))
def list_closes(counter_id: RowId, who: Reader, services: WithServices) -> list[CloseOut]:
    """The last closed days, newest first."""
    with services.read() as conn:
        found = service.closes(conn, who.ledger_id, counter_id)
    return [close_out(each) for each in found]


@router.post(
    "/{counter_id}/closes",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def close_day(counter_id: RowId, who: Clerk, services: WithServices) -> CloseOut:
    """Close today at a counter, once: totals by product, and what was voided."""
    return close_out(service.close(services, counter_id, closed_by=who.signature))


def close_out(made: service.Close) -> CloseOut:
    return CloseOut(
        counter_id=made.counter_id,
        number=made.number,
        day=made.day,
        upto_id=made.upto_id,
        closed_by=made.closed_by,
        closed_s=made.closed_s,
        totals=list(made.totals),
        voids=made.voids,
        voided_amount=made.voided_amount,
        amount=made.amount,
        late=made.late,
    )
