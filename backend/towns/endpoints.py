"""Routes of the town: what it is called, where waste can be brought."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.problems import problems
from backend.towns import service
from backend.towns.schemas import PointIn, TownOut
from backend.towns.service import Point

router = APIRouter(prefix="/v1", tags=["towns"])
Writer = Annotated[Who, Depends(staff_with("devices:write"))]


@router.get("/town", responses=problems(503))
def read_town(services: WithServices) -> TownOut:
    """What everybody may know of the town."""
    with services.read() as conn:
        found = service.town(conn, services.ledger_id)
        backed_by = service.backing(conn, services.ledger_id)
    return TownOut(
        name=found.name,
        currency=found.currency,
        backed_by=backed_by,
        scale=found.scale,
        languages=list(found.languages),
        timezone=found.timezone,
    )


@router.get("/points", responses=problems(503))
def list_points(services: WithServices) -> list[Point]:
    """Where waste can be brought: public."""
    with services.read() as conn:
        return service.points(conn, services.ledger_id)


@router.post(
    "/points",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 409, 422, 503),
)
def add_point(body: PointIn, who: Writer, services: WithServices) -> Point:
    with services.begin() as conn:
        return service.add_point(conn, who.ledger_id, body.name, now_s=services.now_s())
