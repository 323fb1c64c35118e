"""The route of alerts; a device's condition is told with the device."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.alerts import said, service
from backend.alerts.schemas import EndIn
from backend.alerts.service import Alert
from backend.problems import problems

router = APIRouter(prefix="/v1/alerts", tags=["devices"])
Reader = Annotated[Who, Depends(staff_with("devices:read"))]
Technician = Annotated[Who, Depends(staff_with("devices:write"))]


@router.get("", responses=problems(401, 403, 422, 503))
def list_alerts(
    who: Reader,
    services: WithServices,
    device: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$")] = None,
    resolved: bool = False,
) -> list[Alert]:
    """What is wrong with devices, the newest first; with `resolved` also what no longer is."""
    with services.read() as conn:
        return service.alerts(conn, who.ledger_id, device=device, resolved=resolved)


@router.post(
    "/end",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 503),
)
def end(body: EndIn, who: Technician, services: WithServices) -> None:
    """Say that somebody has seen to what a bin has said; other alerts end by themselves."""
    with services.begin() as conn:
        said.end(conn, who.ledger_id, body.device, body.rule, by=who.id, now_s=services.now_s())
