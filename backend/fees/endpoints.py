"""Routes of fee discounts: redeeming credit, and the sheet for the municipality's billing."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.downloads import Csv
from backend.fees import service, sheets
from backend.fees.schemas import DiscountIn
from backend.fees.service import Discount
from backend.idempotency import Key
from backend.merchants.schemas import ReasonIn
from backend.problems import problems
from backend.schemas import Moment, RowId

router = APIRouter(prefix="/v1", tags=["fees"])
Reader = Annotated[Who, Depends(staff_with("reports:read"))]
Clerk = Annotated[Who, Depends(staff_with("fees:discount"))]


@router.post(
    "/people/{person_id}/fee-discounts",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def discount(
    person_id: RowId, body: DiscountIn, who: SignedIn, services: WithServices, key: Key
) -> Discount:
    """Redeem credit for a discount on a waste-fee bill."""
    who.require_person(person_id, "fees:discount")
    return service.discount(
        services,
        person_id=person_id,
        bill=body.bill,
        bill_amount=body.bill_amount,
        amount=body.amount,
        served_by=who.signature,
        key=key,
    )


@router.post(
    "/fee-discounts/{receipt}/void",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def void(
    receipt: Annotated[str, Path(max_length=32)],
    body: ReasonIn,
    who: Clerk,
    services: WithServices,
    key: Key,
) -> Discount:
    """Take a wrong discount back within the window of voids; the bill may be discounted anew."""
    with services.read() as conn:
        who.saw("fees:discount", service.find(conn, who.ledger_id, receipt).person_id)
    return service.void(services, receipt, by=who.signature, reason=body.reason, key=key)


@router.get("/fee-discounts", responses=problems(401, 403, 422, 503))
def list_discounts(
    who: Reader, services: WithServices, since_s: Moment = 0, until_s: Moment = 2**40
) -> list[Discount]:
    with services.read() as conn:
        found = service.discounts(conn, who.ledger_id, since_s, until_s)
    who.saw("reports:read", *{each.person_id for each in found})
    return found


@router.get(
    "/fee-discounts.csv",
    response_class=Csv,
    responses=problems(401, 403, 422, 503),
)
def sheet(who: Reader, services: WithServices, since_s: Moment = 0, until_s: Moment = 2**40) -> Csv:
    """The same for a spreadsheet, without who it was, with dates by the town's clocks."""
    with services.read() as conn:
        text, _ = sheets.sheet(conn, who.ledger_id, since_s, until_s)
    return Csv(text, "fee-discounts")
