"""Routes of the cooperative's counter: products, stock, redemptions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.compost import service
from backend.compost.schemas import (
    PriceIn,
    ProductIn,
    ProductOut,
    RedemptionIn,
    RedemptionOut,
    StockIn,
)
from backend.compost.service import Batch
from backend.idempotency import Key
from backend.problems import problems
from backend.schemas import RowId

router = APIRouter(prefix="/v1", tags=["compost"])
Reader = Annotated[Who, Depends(staff_with("compost:read"))]
Writer = Annotated[Who, Depends(staff_with("compost:write"))]
Receiver = Annotated[Who, Depends(staff_with("compost:receive"))]
Clerk = Annotated[Who, Depends(staff_with("redemptions:make"))]


@router.get("/compost", responses=problems(401, 403, 503))
def list_products(who: Reader, services: WithServices) -> list[ProductOut]:
    with services.read() as conn:
        found = service.products(conn, who.ledger_id, at_s=services.now_s())
    return [_product(each) for each in found]


@router.post(
    "/compost",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 409, 422, 503),
)
def create_product(body: ProductIn, who: Writer, services: WithServices) -> ProductOut:
    with services.begin() as conn:
        made = service.create_product(conn, who.ledger_id, body.name, now_s=services.now_s())
    return _product(made)


@router.put("/compost/{product_id}/price", responses=problems(401, 403, 404, 409, 422, 503))
def set_price(product_id: RowId, body: PriceIn, who: Writer, services: WithServices) -> ProductOut:
    """Price a product from now on; earlier receipts keep theirs."""
    now_s = services.now_s()
    with services.begin() as conn:
        service.set_price(
            conn,
            who.ledger_id,
            product_id,
            body.amount_per_kg,
            decided_by=who.signature,
            from_s=now_s,
        )
        return _product(service.product(conn, who.ledger_id, product_id, at_s=now_s))


@router.post(
    "/compost/{product_id}/stock",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def receive(
    product_id: RowId, body: StockIn, who: Receiver, services: WithServices, key: Key
) -> Batch:
    """Bring a batch into stock."""
    return service.receive(
        services,
        product_id,
        body.grams,
        received_by=who.signature,
        note=body.note,
        key=key,
    )


@router.post(
    "/redemptions",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def redeem(body: RedemptionIn, who: Clerk, services: WithServices, key: Key) -> RedemptionOut:
    """Take credit and hand out compost, both or neither; answers the receipt."""
    who.saw("redemptions:make", body.person_id)
    made = service.redeem(
        services,
        product_id=body.product_id,
        person_id=body.person_id,
        grams=body.grams,
        served_by=who.signature,
        key=key,
    )
    return _redemption(made)


@router.get("/redemptions/{receipt}", responses=problems(401, 403, 404, 422, 503))
def read_redemption(
    receipt: Annotated[str, Path(max_length=32)], who: SignedIn, services: WithServices
) -> RedemptionOut:
    """A receipt, for the person it belongs to and for the counter."""
    who.require_if_staff("redemptions:make")
    with services.read() as conn:
        found = service.redemption(conn, who.ledger_id, receipt)
    who.require_theirs(
        found.person_id, "redemptions:make" if who.kind == "staff" else "statements:read"
    )
    return _redemption(found)


def _product(found: service.Product) -> ProductOut:
    return ProductOut(
        id=found.id,
        name=found.name,
        stock_g=found.stock_g,
        amount_per_kg=found.amount_per_kg,
    )


def _redemption(made: service.Redemption) -> RedemptionOut:
    return RedemptionOut(
        receipt=made.receipt,
        product=made.product,
        person_id=made.person_id,
        grams=made.grams,
        amount=made.amount,
        amount_per_kg=made.amount_per_kg,
        redeemed_s=made.redeemed_s,
        replayed=made.replayed,
    )
