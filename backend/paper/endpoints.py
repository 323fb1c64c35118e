"""Routes of paper: entering a slip, and the second signature that books it."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.cards import service as cards
from backend.paper import service
from backend.paper.schemas import RejectionIn, SlipIn
from backend.paper.service import Facts, Slip
from backend.problems import problems
from backend.schemas import RowId
from backend.services import Services

router = APIRouter(prefix="/v1/paper", tags=["paper"])
Reader = Annotated[Who, Depends(staff_with("paper:read"))]
Enterer = Annotated[Who, Depends(staff_with("paper:enter"))]
Second = Annotated[Who, Depends(staff_with("paper:confirm"))]


@router.get("/slips", responses=problems(401, 403, 503))
def list_slips(who: Reader, services: WithServices) -> list[Slip]:
    """The newest slips, with their signatures and what was booked."""
    with services.read() as conn:
        found = service.slips(conn, who.ledger_id)
    who.saw("paper:read", *{each.person_id for each in found})
    return found


@router.post(
    "/slips",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def enter(body: SlipIn, who: Enterer, services: WithServices) -> Slip:
    """Enter a slip as it is written; nothing is booked until another person has signed it."""
    facts = Facts(**{name: getattr(body, name) for name in Facts.__slots__})
    with services.read() as conn:
        who.saw("paper:enter", cards.by_number(conn, who.ledger_id, body.card).person_id)
    return service.enter(services, facts, body.card, entered_by=who.signature)


@router.post("/slips/{slip_id}/confirmation", responses=problems(401, 403, 404, 409, 422, 503))
def confirm(slip_id: RowId, who: Second, services: WithServices) -> Slip:
    """Sign as the second person: it is booked, once. The slip itself is the key of a repeat."""
    _note(slip_id, who, services)
    return service.confirm(services, slip_id, by=who.signature)


@router.post("/slips/{slip_id}/rejection", responses=problems(401, 403, 404, 409, 422, 503))
def reject(slip_id: RowId, body: RejectionIn, who: Second, services: WithServices) -> Slip:
    """Say that a slip is not as it was entered; it may be entered anew."""
    _note(slip_id, who, services)
    return service.reject(services, slip_id, by=who.signature, reason=body.reason)


def _note(slip_id: int, who: Who, services: Services) -> None:
    """That a second person signs somebody's slip is in their log."""
    with services.read() as conn:
        who.saw("paper:confirm", service.slip(conn, who.ledger_id, slip_id).person_id)
