"""Routes for what cards are trusted with: caps of plain ones, odd messages of secure ones."""

from typing import Annotated

from fastapi import APIRouter, Depends, status
from pydantic import BaseModel

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.cards import caps, secure, service_cards
from backend.cards.caps import Cap
from backend.cards.secure import Late
from backend.cards.service_cards import Emptying
from backend.problems import problems
from backend.schemas import Amount, PageSize, Seconds, Strict

router = APIRouter(prefix="/v1", tags=["cards"])
RecordReader = Annotated[Who, Depends(staff_with("records:read"))]
Reader = Annotated[Who, Depends(staff_with("reports:read"))]
DeviceReader = Annotated[Who, Depends(staff_with("devices:read"))]
Writer = Annotated[Who, Depends(staff_with("budgets:write"))]


class CapIn(Strict):
    """What a plain card may bring a day; null: no limit. `from_s` null: from now on."""

    daily_g: Amount | None = None
    daily_amount: Amount | None = None
    from_s: Seconds | None = None


class CapOut(BaseModel):
    from_s: int
    daily_g: int | None
    daily_amount: int | None


@router.get("/secure-cards/late", responses=problems(401, 403, 422, 503))
def late_messages(who: RecordReader, services: WithServices, limit: PageSize = 100) -> list[Late]:
    """Messages that came long after newer ones of their card: an old bin, or a copied message."""
    with services.read() as conn:
        return secure.late(conn, who.ledger_id, limit=limit)


@router.get("/emptyings", responses=problems(401, 403, 422, 503))
def list_emptyings(
    who: DeviceReader, services: WithServices, limit: PageSize = 100
) -> list[Emptying]:
    """Who emptied which bin when, and what was taken out, the last first."""
    with services.read() as conn:
        return service_cards.emptyings(conn, who.ledger_id, limit=limit)


@router.get("/card-caps", responses=problems(401, 403, 503))
def list_caps(who: Reader, services: WithServices) -> list[CapOut]:
    with services.read() as conn:
        return [_cap(each) for each in caps.caps(conn, who.ledger_id)]


@router.post(
    "/card-caps",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 422, 503),
)
def set_cap(body: CapIn, who: Writer, services: WithServices) -> CapOut:
    """Cap what plain cards may bring a day; what is beyond it is held for a person."""
    now_s = services.now_s()
    with services.begin() as conn:
        made = caps.set_cap(
            conn,
            who.ledger_id,
            daily_g=body.daily_g,
            daily_amount=body.daily_amount,
            decided_by=who.signature,
            from_s=now_s if body.from_s is None else max(body.from_s, now_s),
        )
    return _cap(made)


def _cap(cap: Cap) -> CapOut:
    return CapOut(from_s=cap.from_s, daily_g=cap.daily_g, daily_amount=cap.daily_amount)
