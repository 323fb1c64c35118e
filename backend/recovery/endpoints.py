"""Routes of a recovery: how far it has come, and its end."""

from typing import Annotated

from fastapi import APIRouter, Depends

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.problems import problems
from backend.recovery import service
from backend.recovery.guard import open_in_recovery
from backend.recovery.schemas import EndedOut, EndIn, RecoveryOut, recovery_out

router = APIRouter(prefix="/v1/recovery", tags=["recovery"])
Reader = Annotated[Who, Depends(staff_with("reports:read"))]
Ender = Annotated[Who, Depends(staff_with("recovery:end"))]


@router.get("", responses=problems(401, 403, 404, 503))
def read_recovery(who: Reader, services: WithServices) -> RecoveryOut:
    """What gateways and bins still owe a restored town; 404 when none is going on."""
    with services.read() as conn:
        return recovery_out(service.state(conn, who.ledger_id))


@router.post("/end", responses=problems(401, 403, 404, 409, 422, 503))
@open_in_recovery
def end_recovery(body: EndIn, who: Ender, services: WithServices) -> EndedOut:
    """Open the town again: from now on everything is booked as ever."""
    ended = service.end(services, ended_by=who.signature, anyway=body.anyway)
    return EndedOut(id=ended.id)
