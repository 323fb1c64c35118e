"""Routes for figures."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.problems import problems
from backend.reports import service
from backend.reports.schemas import StreamsOut
from backend.reports.service import Health
from backend.schemas import Digits, Moment

router = APIRouter(tags=["reports"])
Reader = Annotated[Who, Depends(staff_with("reports:read"))]


@router.get("/v1/streams", responses=problems(401, 403, 422, 503))
def read_streams(
    who: Reader,
    services: WithServices,
    since_s: Moment = 0,
    until_s: Annotated[int | None, Digits, Query(ge=0, le=2**40)] = None,
) -> StreamsOut:
    """Grams per fraction and point of deposits that happened in a period."""
    with services.read() as conn:
        found = service.streams(conn, who.ledger_id, since_s, until_s)
    return StreamsOut(
        change=found.change,
        net_g=found.net_g,
        amount=found.amount,
        streams=list(found.streams),
    )


@router.get("/v1/health", responses=problems(503))
def read_health(services: WithServices) -> Health:
    """How often each outcome and each refusal was given. Counts only, so open to all."""
    return service.health(services)
