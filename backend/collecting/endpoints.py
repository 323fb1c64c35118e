"""Routes of collecting: weighbridge tickets, and whether the masses agree."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.collecting import service
from backend.collecting.schemas import TicketIn, TicketOut
from backend.collecting.service import Balance, Ticket
from backend.downloads import Csv
from backend.problems import problems
from backend.schemas import Digits, Moment
from backend.spreadsheet import table

router = APIRouter(prefix="/v1", tags=["collecting"])
Weigher = Annotated[Who, Depends(staff_with("loads:weigh"))]
Reader = Annotated[Who, Depends(staff_with("loads:read"))]
Permille = Annotated[int, Digits, Query(ge=0, le=1000)]
COLUMNS = ("fraction", "point", "deposited_g", "emptied_g", "truck_g", "facility_g", "alarms")


@router.get("/load-tickets", responses=problems(401, 403, 422, 503))
def list_tickets(
    who: Reader, services: WithServices, since_s: Moment = 0, until_s: Moment = 2**40
) -> list[TicketOut]:
    with services.read() as conn:
        found = service.tickets(conn, who.ledger_id, since_s, until_s)
    return [_ticket(each) for each in found]


@router.post(
    "/load-tickets",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def add_ticket(body: TicketIn, who: Weigher, services: WithServices) -> TicketOut:
    """Enter a ticket of a truck's or the facility's weighing; its number is the key of a repeat."""
    asked = Ticket(**{name: getattr(body, name) for name in Ticket.__slots__})
    with services.begin() as conn:
        made, there = service.add(
            conn, who.ledger_id, asked, entered_by=who.signature, now_s=services.now_s()
        )
    return _ticket(made, replayed=there)


@router.get("/mass-balance", responses=problems(401, 403, 422, 503))
def read_balance(
    who: Reader,
    services: WithServices,
    since_s: Moment = 0,
    until_s: Moment = 2**40,
    tolerance_permille: Permille = service.TOLERANCE_PERMILLE,
) -> Balance:
    """What bins, trucks and the facility weighed of the same waste, and where they differ."""
    with services.read() as conn:
        return service.balance(
            conn, who.ledger_id, since_s, until_s, tolerance_permille=tolerance_permille
        )


@router.get(
    "/mass-balance.csv",
    response_class=Csv,
    responses=problems(401, 403, 422, 503),
)
def sheet(who: Reader, services: WithServices, since_s: Moment = 0, until_s: Moment = 2**40) -> Csv:
    """The same for a spreadsheet, the whole town's rows first."""
    with services.read() as conn:
        found = service.balance(conn, who.ledger_id, since_s, until_s)
    rows = (
        [*(getattr(each, name) for name in COLUMNS[:-1]), "; ".join(each.alarms)]
        for each in (*found.town, *found.points)
    )
    return Csv(table(COLUMNS, rows), "mass-balance")


def _ticket(found: Ticket, *, replayed: bool = False) -> TicketOut:
    return TicketOut(
        site=found.site,
        ticket=found.ticket,
        fraction=found.fraction,
        point_id=found.point_id,
        vehicle=found.vehicle,
        net_g=found.net_g,
        weighed_s=found.weighed_s,
        replayed=replayed,
    )
