"""Routes of what the law gives a person: all that is kept of them, and its erasure."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.downloads import Csv
from backend.privacy import exporting, restores
from backend.privacy.schemas import ErasureIn
from backend.privacy.service import Erased
from backend.problems import problems
from backend.schemas import RowId

router = APIRouter(prefix="/v1/people", tags=["privacy"])
Eraser = Annotated[Who, Depends(staff_with("people:erase"))]


@router.get("/{person_id}/export", responses=problems(401, 403, 404, 422, 503))
def read_export(person_id: RowId, who: SignedIn, services: WithServices) -> dict[str, Any]:
    """All that is kept of a person, in parts; amounts in minor units, weights in grams."""
    who.require_person(person_id, "people:export")
    return exporting.export(services, person_id)


@router.get(
    "/{person_id}/export.csv",
    response_class=Csv,
    responses=problems(401, 403, 404, 422, 503),
)
def read_export_csv(person_id: RowId, who: SignedIn, services: WithServices) -> Csv:
    """The same as one table, for a spreadsheet."""
    who.require_person(person_id, "people:export")
    found = exporting.export(services, person_id)
    return Csv(exporting.as_csv(services, found), f"person-{person_id}")


@router.post("/{person_id}/erasure", responses=problems(401, 403, 404, 409, 422, 503))
def erase(person_id: RowId, body: ErasureIn, who: Eraser, services: WithServices) -> Erased:
    """Erase a person for ever. Refused while they have or owe money, or something waits."""
    who.saw("people:erase", person_id)
    return restores.erase(
        services, person_id, reason=body.reason, decided_by=who.signature, settle=body.settle
    )
