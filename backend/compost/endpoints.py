"""Routes of the cooperative: products and stock, heaps that ripen, orders, hand-overs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, status

from backend.access.dependencies import SignedIn, WithServices, staff_with
from backend.access.service import Who
from backend.compost import heaps, orders, redeeming, rules, service, voiding
from backend.compost.heaps import Heap
from backend.compost.orders import Order
from backend.compost.rules import Rule
from backend.compost.schemas import (
    AtCounterIn,
    DiscardIn,
    HeapIn,
    HeapOut,
    InputIn,
    OrderIn,
    PriceIn,
    ProductIn,
    ProductOut,
    RedemptionIn,
    RedemptionOut,
    RuleIn,
    VoidIn,
    YieldIn,
)
from backend.compost.service import Batch
from backend.compost.voiding import Voided
from backend.errors import Backdated
from backend.idempotency import Key
from backend.people import service as people
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
    """Price a product from a moment on; earlier receipts and orders keep theirs."""
    now_s = services.now_s()
    from_s = now_s if body.from_s is None else body.from_s
    if from_s < now_s:
        raise Backdated("A price holds from now on, or from later on.")
    with services.begin() as conn:
        service.set_price(
            conn,
            who.ledger_id,
            product_id,
            body.amount_per_kg,
            decided_by=who.signature,
            from_s=from_s,
        )
        return _product(service.product(conn, who.ledger_id, product_id, at_s=now_s))


@router.post(
    "/redemptions",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def redeem(body: RedemptionIn, who: Clerk, services: WithServices, key: Key) -> RedemptionOut:
    """Take credit and hand out compost, both or neither; answers the receipt."""
    who.saw("redemptions:make", body.person_id)
    made = redeeming.redeem(
        services,
        product_id=body.product_id,
        person_id=body.person_id,
        grams=body.grams,
        served_by=who.signature,
        key=key,
        counter_id=body.counter_id,
        after_close=body.after_close,
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
        voided = voiding.void_of(conn, who.ledger_id, found.group_id) is not None
    who.require_theirs(
        found.person_id, "redemptions:make" if who.kind == "staff" else "statements:read"
    )
    return _redemption(found).model_copy(update={"voided": voided})


@router.post(
    "/redemptions/{receipt}/void",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def void(
    receipt: Annotated[str, Path(max_length=32)],
    body: VoidIn,
    who: Clerk,
    services: WithServices,
    key: Key,
) -> Voided:
    """Take a wrong hand-over back within the window (10 minutes unless decided otherwise)."""
    with services.read() as conn:
        who.saw("redemptions:make", service.redemption(conn, who.ledger_id, receipt).person_id)
    return voiding.void(
        services,
        receipt,
        by=who.signature,
        reason=body.reason,
        key=key,
        counter_id=body.counter_id,
        after_close=body.after_close,
    )


@router.get("/orders", responses=problems(401, 403, 503))
def list_orders(who: Reader, services: WithServices) -> list[Order]:
    """The orders that are open, in the order of asking."""
    with services.read() as conn:
        found = orders.orders(conn, who.ledger_id, now_s=services.now_s(), open_only=True)
    who.saw("compost:read", *{each.person_id for each in found})
    return found


@router.get("/people/{person_id}/orders", responses=problems(401, 403, 404, 422, 503))
def list_own_orders(person_id: RowId, who: SignedIn, services: WithServices) -> list[Order]:
    who.require_person(person_id, "orders:make")
    with services.read() as conn:
        people.person(conn, who.ledger_id, person_id)
        return orders.orders(conn, who.ledger_id, now_s=services.now_s(), person_id=person_id)


@router.post(
    "/people/{person_id}/orders",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def order(
    person_id: RowId, body: OrderIn, who: SignedIn, services: WithServices, key: Key
) -> Order:
    """Reserve credit and stock at today's price; where stock is short, join the queue for it."""
    who.require_person(person_id, "orders:make")
    return orders.order(
        services,
        product_id=body.product_id,
        person_id=person_id,
        grams=body.grams,
        ordered_by=who.signature,
        key=key,
    )


@router.post(
    "/orders/{order_id}/hand-over",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def hand_over(
    order_id: RowId, body: AtCounterIn, who: Clerk, services: WithServices, key: Key
) -> RedemptionOut:
    """Hand out an order that is ready: credit and compost move together, once."""
    who.saw("redemptions:make", orders.read(services, order_id).person_id)
    made = orders.hand_over(
        services,
        order_id,
        served_by=who.signature,
        key=key,
        counter_id=body.counter_id,
        after_close=body.after_close,
    )
    return _redemption(made)


@router.post(
    "/orders/{order_id}/cancellation", responses=problems(400, 401, 403, 404, 409, 422, 503)
)
def cancel_order(order_id: RowId, who: SignedIn, services: WithServices, key: Key) -> Order:
    """Let an order go: credit and stock are free again."""
    who.require_if_staff("orders:make")
    who.require_theirs(orders.read(services, order_id).person_id, "orders:make")
    return orders.cancel(services, order_id, by=who.signature, key=key)


@router.get("/compost/rules", responses=problems(401, 403, 503))
def list_rules(who: Reader, services: WithServices) -> list[Rule]:
    """The cooperative's figures: defaults first, then what was decided and from when on."""
    with services.read() as conn:
        return rules.rules(conn, who.ledger_id)


@router.put("/compost/rules", responses=problems(401, 403, 409, 422, 503))
def set_rule(body: RuleIn, who: Writer, services: WithServices) -> Rule:
    with services.begin() as conn:
        return rules.decide(
            conn,
            who.ledger_id,
            body.name,
            body.value,
            decided_by=who.signature,
            from_s=services.now_s(),
        )


@router.get("/compost/heaps", responses=problems(401, 403, 503))
def list_heaps(who: Reader, services: WithServices) -> list[HeapOut]:
    """What went into each heap, when it is ripe, and what came out."""
    with services.read() as conn:
        return [_heap(each) for each in heaps.heaps(conn, who.ledger_id)]


@router.post(
    "/compost/heaps",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def start_heap(body: HeapIn, who: Receiver, services: WithServices) -> HeapOut:
    now_s = services.now_s()
    with services.begin() as conn:
        made = heaps.start(
            conn,
            who.ledger_id,
            body.product_id,
            started_s=now_s if body.started_s is None else body.started_s,
            maturity_days=body.maturity_days,
            note=body.note,
            started_by=who.signature,
            now_s=now_s,
        )
    return _heap(made)


@router.post(
    "/compost/heaps/{heap_id}/inputs",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def add_input(heap_id: RowId, body: InputIn, who: Receiver, services: WithServices) -> HeapOut:
    with services.begin() as conn:
        made = heaps.add_input(
            conn,
            who.ledger_id,
            heap_id,
            material=body.material,
            grams=body.grams,
            source=body.source,
            added_by=who.signature,
            now_s=services.now_s(),
        )
    return _heap(made)


@router.post(
    "/compost/heaps/{heap_id}/yield",
    status_code=status.HTTP_201_CREATED,
    responses=problems(400, 401, 403, 404, 409, 422, 503),
)
def weigh_out(
    heap_id: RowId, body: YieldIn, who: Receiver, services: WithServices, key: Key
) -> Batch:
    """Bring ripe compost into stock, as it was weighed; before it is ripe nothing comes out."""
    made = heaps.weigh_out(services, heap_id, body.grams, by=who.signature, key=key)
    orders.allot(services, made.product_id)
    return made


@router.post(
    "/compost/heaps/{heap_id}/discard",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 404, 409, 422, 503),
)
def discard(heap_id: RowId, body: DiscardIn, who: Receiver, services: WithServices) -> HeapOut:
    """Take a heap that failed away, as it was weighed then; nothing comes out of it any more."""
    with services.begin() as conn:
        made = heaps.discard(
            conn,
            who.ledger_id,
            heap_id,
            grams=body.grams,
            reason=body.reason,
            discarded_by=who.signature,
            now_s=services.now_s(),
        )
    return _heap(made)


def _heap(found: Heap) -> HeapOut:
    return HeapOut(
        id=found.id,
        product_id=found.product_id,
        started_s=found.started_s,
        ripe_s=found.ripe_s,
        note=found.note,
        inputs=list(found.inputs),
        input_g=found.input_g,
        out_g=found.out_g,
        yield_permille=found.yield_permille,
        discarded_g=found.discarded_g,
        discarded_s=found.discarded_s,
        reason=found.reason,
    )


def _product(found: service.Product) -> ProductOut:
    return ProductOut(
        id=found.id,
        name=found.name,
        stock_g=found.stock_g,
        waiting_g=found.waiting_g,
        free_g=found.free_g,
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
