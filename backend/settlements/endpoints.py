"""Routes of settlements: drawing statements up, reading them, marking them paid."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from backend.access.dependencies import WithServices, staff_with
from backend.access.service import Who
from backend.downloads import Csv
from backend.idempotency import Key
from backend.problems import problems
from backend.schemas import RowId
from backend.settlements import service, sheets
from backend.settlements.schemas import DrawIn, PaidIn, Payee, StatementOut
from backend.settlements.service import Statement

router = APIRouter(prefix="/v1/settlements", tags=["settlements"])
Reader = Annotated[Who, Depends(staff_with("settlements:read"))]
Drawer = Annotated[Who, Depends(staff_with("settlements:draw"))]
Payer = Annotated[Who, Depends(staff_with("settlements:pay"))]


@router.get("", responses=problems(401, 403, 503))
def list_statements(who: Reader, services: WithServices) -> list[Statement]:
    """Every statement, newest first, and whether it was paid."""
    with services.read() as conn:
        return service.statements(conn, who.ledger_id)


@router.post(
    "/{payee}",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def draw(payee: Payee, body: DrawIn, who: Drawer, services: WithServices, key: Key) -> Statement:
    """Draw up what is owed to the cooperative, or to merchant-N, since the last statement."""
    return service.draw(services, payee, until_s=body.until_s, drawn_by=who.signature, key=key)


@router.get("/{payee}/{statement_no}", responses=problems(401, 403, 404, 422, 503))
def read_statement(
    payee: Payee, statement_no: RowId, who: Reader, services: WithServices
) -> StatementOut:
    """A statement with every booking it is made of."""
    with services.read() as conn:
        found = service.statement(conn, who.ledger_id, payee, statement_no)
        return StatementOut(statement=found, lines=service.lines(conn, services, found))


@router.get(
    "/{payee}/{statement_no}/sheet.csv",
    response_class=Csv,
    responses=problems(401, 403, 404, 422, 503),
)
def sheet(payee: Payee, statement_no: RowId, who: Reader, services: WithServices) -> Csv:
    """The same for a spreadsheet, with dates by the town's clocks."""
    with services.read() as conn:
        found = service.statement(conn, who.ledger_id, payee, statement_no)
        text, _ = sheets.sheet(conn, services, found)
    return Csv(text, f"{payee}-{statement_no}")


@router.post(
    "/{payee}/{statement_no}/payment",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def pay(
    payee: Payee, statement_no: RowId, body: PaidIn, who: Payer, services: WithServices, key: Key
) -> Statement:
    """Note that a statement was paid: once, and by somebody else than who drew it up."""
    return service.pay(
        services, payee, statement_no, reference=body.reference, paid_by=who.signature, key=key
    )
