"""Routes of inspections: which grade what is brought has, from a moment on."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.grading import service
from backend.grading.schemas import InspectionIn
from backend.grading.service import Inspection
from backend.problems import problems

router = APIRouter(prefix="/v1/inspections", tags=["tariffs"])
Reader = Annotated[Who, Depends(staff_with("grades:read"))]
Inspector = Annotated[Who, Depends(staff_with("grades:write"))]


@router.get("", responses=problems(401, 403, 503))
def list_inspections(who: Reader, services: WithServices) -> list[Inspection]:
    """Every inspection, the first first."""
    with services.read() as conn:
        return service.inspections(conn, who.ledger_id)


@router.post(
    "", status_code=status.HTTP_201_CREATED, responses=problems(401, 403, 404, 409, 422, 503)
)
def inspect(body: InspectionIn, who: Inspector, services: WithServices) -> Inspection:
    """Say what grade a bin's, a point's or the town's waste has from a moment on."""
    now_s = services.now_s()
    with services.begin() as conn:
        return service.inspect(
            conn,
            who.ledger_id,
            grade=body.grade,
            device=body.device,
            point_id=body.point_id,
            fraction=body.fraction,
            from_s=now_s if body.from_s is None else body.from_s,
            note=body.note,
            inspected_by=who.signature,
            now_s=now_s,
        )
