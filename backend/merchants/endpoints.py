"""Routes of merchants: registering, promises, and payments at them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.idempotency import Key
from backend.merchants import service
from backend.merchants.schemas import (
    AcceptIn,
    MerchantIn,
    MerchantOut,
    PaymentIn,
    PromiseIn,
    ReasonIn,
)
from backend.merchants.service import Merchant, Payment
from backend.problems import problems
from backend.schemas import RowId

router = APIRouter(prefix="/v1", tags=["merchants"])
Writer = Annotated[Who, Depends(staff_with("merchants:write"))]
Taker = Annotated[Who, Depends(staff_with("payments:make"))]
Receipt = Annotated[str, Path(max_length=32)]


@router.get("/merchants", responses=problems(401, 503))
def list_merchants(who: SignedIn, services: WithServices) -> list[MerchantOut]:
    """Where credit can be spent; everybody who is signed in may know."""
    with services.read() as conn:
        found = service.merchants(conn, who.ledger_id, now_s=services.now_s())
    return [_merchant(each) for each in found]


@router.post(
    "/merchants",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 409, 422, 503),
)
def register(body: MerchantIn, who: Writer, services: WithServices) -> MerchantOut:
    return _merchant(service.register(services, body.name, body.kind, decided_by=who.signature))


@router.post(
    "/merchants/{merchant_id}/accounts",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def accept(merchant_id: RowId, body: AcceptIn, who: Writer, services: WithServices) -> MerchantOut:
    """Let a merchant take a further currency, like restricted aid."""
    made = service.accept(services, merchant_id, body.currency, decided_by=who.signature)
    return _merchant(made)


@router.post(
    "/merchants/{merchant_id}/promises",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def promise(
    merchant_id: RowId, body: PromiseIn, who: Writer, services: WithServices
) -> MerchantOut:
    """Note what a merchant promises to accept in a period; it counts as cover until then."""
    with services.begin() as conn:
        service.promise(
            conn,
            who.ledger_id,
            merchant_id,
            from_s=body.from_s,
            until_s=body.until_s,
            amount=body.amount,
            decided_by=who.signature,
        )
        now_s = services.now_s()
        return _merchant(service.merchant(conn, who.ledger_id, merchant_id, now_s=now_s))


@router.post(
    "/people/{person_id}/payments",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def pay(
    person_id: RowId, body: PaymentIn, who: SignedIn, services: WithServices, key: Key
) -> Payment:
    """Pay at a merchant; answers the receipt."""
    who.require_person(person_id, "payments:make")
    return service.pay(
        services,
        body.merchant_id,
        person_id,
        body.amount,
        currency=body.currency,
        taken_by=who.signature,
        key=key,
    )


@router.post(
    "/payments/{receipt}/void",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def void(receipt: Receipt, body: ReasonIn, who: Taker, services: WithServices, key: Key) -> Payment:
    """Take a wrong payment back within the window of voids."""
    with services.read() as conn:
        who.saw("payments:make", service.payment(conn, who.ledger_id, receipt).person_id)
    return service.void(services, receipt, by=who.signature, reason=body.reason, key=key)


def _merchant(found: Merchant) -> MerchantOut:
    return MerchantOut(
        id=found.id,
        name=found.name,
        kind=found.kind,
        accounts=dict(found.accounts),
        promised=found.promised,
    )
