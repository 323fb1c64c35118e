"""Orders: credit is reserved at once, stock in the order of asking, and both are settled together.

An order is a hold on the credit; as soon as there is stock for the first who waits, a hold on
the stock joins it. Both end at the same moment: handed over in one group, let go in one, or
voided when their time runs out. Whoever waits for a product comes before those who just walk in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from backend import tables as programme
from backend.compost import rules, service
from backend.compost import tables as t
from backend.compost.service import Redemption
from backend.counters import service as counters
from backend.errors import AlreadyDecided, NotFound, NotReserved
from backend.idempotency import answered, named
from backend.ledger import accounts
from backend.ledger.errors import BadTime, HoldSettled, InsufficientFunds, RowRefused
from backend.ledger.holds import SettleAll, Void
from backend.ledger.tables import hold_open
from backend.ledger.transfers import Code, Group, HoldTerms, Leg
from backend.people import service as people
from backend.services import Services

WAITING, READY, EXPIRED = "waiting", "ready", "expired"
HANDED_OVER, CANCELLED = "handed_over", "cancelled"
OPEN = (WAITING, READY)
DAY_S = 86_400

_order, _given, _end = t.compost_order.c, t.compost_allotment.c, t.compost_order_end.c


@dataclass(frozen=True, slots=True)
class Order:
    """`place` counts from 1 among those who wait; `stock_hold_id` is what was reserved for it."""

    id: int
    product_id: int
    person_id: int
    grams: int
    amount: int
    amount_per_kg: int
    ordered_by: str
    ordered_s: int
    expires_s: int
    state: str
    place: int | None
    stock_hold_id: int | None
    receipt: str | None


def order(
    services: Services, *, product_id: int, person_id: int, grams: int, ordered_by: str, key: str
) -> Order:
    """Reserve credit for grams at today's price, and stock when it is this order's turn.

    Raises MissingKey, BadInput, NotFound, NotReserved for more than one person may have waiting,
    InsufficientFunds, KeyReused, InProgress.
    """
    service.check_grams(grams)
    asked = {"product_id": product_id, "person_id": person_id, "grams": grams}
    idempotency = named("order", ordered_by, key, asked)
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        bought = service.for_sale(conn, ledger_id, product_id, now_s)
        account_id = people.person(conn, ledger_id, person_id).account_id
        if not answered(conn, ledger_id, idempotency):
            _check_share(conn, ledger_id, person_id, grams, now_s)
        days = rules.value(conn, ledger_id, "order_days", at_s=now_s)
    amount, expires_s = service.cost(grams, bought.amount_per_kg), now_s + days * DAY_S
    row = {
        **asked,
        "amount": amount,
        "amount_per_kg": bought.amount_per_kg,
        "ordered_by": ordered_by,
        "ordered_s": now_s,
        "expires_s": expires_s,
    }
    hold = HoldTerms(expires_s, "void")
    leg = Leg(account_id, accounts.REDEEMED, amount, Code.REDEEM, hold=hold)
    group = Group((leg,), now_s, idempotency, ((t.compost_order, row),))
    try:
        posted = services.poster.submit(group).result()
    except InsufficientFunds as error:
        raise service.too_dear(error) from error
    allot(services, product_id)
    return read(services, posted.group_id)


def allot(services: Services, product_id: int) -> int:
    """Reserve free stock for those who wait, in their order; return for how many.

    Nobody is passed over: it stops at the first for whom there is not enough.
    """
    done = 0
    while (due := _next(services, product_id)) is not None:
        first, stock_account_id = due
        terms = HoldTerms(first.expires_s, "void")
        leg = Leg(stock_account_id, accounts.HANDED_OUT, first.grams, Code.HAND_OVER, hold=terms)
        now_s = services.now_s()
        row = {"order_id": first.id, "allotted_s": now_s}
        try:
            services.poster.submit(
                Group((leg,), now_s, rows=((t.compost_allotment, row),))
            ).result()
        except RowRefused:
            continue  # somebody else was quicker with the same order
        except (InsufficientFunds, BadTime):
            break  # the stock or the order's time has gone meanwhile
        done += 1
    _free_what_nobody_waits_for(services)
    return done


def allot_all(services: Services) -> None:
    """The same for every product for which somebody waits."""
    with services.read() as conn:
        waiting = service.waiting_g(conn, services.ledger_id, services.now_s())
    for product_id in waiting:
        allot(services, product_id)
    _free_what_nobody_waits_for(services)


def hand_over(
    services: Services,
    order_id: int,
    *,
    served_by: str,
    key: str,
    counter_id: int = counters.EVERYWHERE,
    after_close: bool = False,
) -> Redemption:
    """Hand out what was ordered: credit and compost move together, once.

    Raises NotFound, NotReserved while it waits, AlreadyDecided, DayClosed, HoldSettled.
    """
    idempotency = named("hand over", served_by, key, {"order_id": order_id})
    now_s, ledger_id = services.now_s(), services.ledger_id
    found = read(services, order_id)
    with services.read() as conn:
        known = answered(conn, ledger_id, idempotency)
        if not known:
            _check_ready(found)
        late = after_close or known
        at = counters.entry(conn, ledger_id, counter_id, now_s=now_s, after_close=late)
        name = service.product(conn, ledger_id, found.product_id, at_s=now_s).name
    row = {
        "product_id": found.product_id,
        "person_id": found.person_id,
        "grams": found.grams,
        "amount": found.amount,
        "amount_per_kg": found.amount_per_kg,
        "served_by": served_by,
        "redeemed_s": now_s,
    }
    holds = (order_id, found.stock_hold_id or 0)
    ended = (t.compost_order_end, _ended(order_id, HANDED_OVER, served_by, now_s))
    settle = SettleAll(
        holds, idempotency=idempotency, rows=((programme.redemption, row), at, ended)
    )
    posted = services.poster.submit(settle).result()
    return service.receipt_of(posted.rows[0], name, replayed=posted.replayed)


def cancel(services: Services, order_id: int, *, by: str, key: str) -> Order:
    """Let an order go; what was reserved is free again, for the next who waits.

    Raises NotFound, AlreadyDecided, HoldSettled.
    """
    idempotency = named("cancel order", by, key, {"order_id": order_id})
    found = read(services, order_id)
    with services.read() as conn:
        if not answered(conn, services.ledger_id, idempotency) and found.state not in OPEN:
            raise AlreadyDecided(_over(found))
    holds = (order_id,) if found.stock_hold_id is None else (order_id, found.stock_hold_id)
    ended = (t.compost_order_end, _ended(order_id, CANCELLED, by, services.now_s()))
    services.poster.submit(
        SettleAll(holds, void=True, idempotency=idempotency, rows=(ended,))
    ).result()
    allot(services, found.product_id)
    return read(services, order_id)


def read(services: Services, order_id: int) -> Order:
    """Raises NotFound."""
    with services.read() as conn:
        found = orders(conn, services.ledger_id, now_s=services.now_s(), order_id=order_id)
    if not found:
        raise NotFound("There is no such order.")
    return found[0]


def orders(
    conn: Connection,
    ledger_id: int,
    *,
    now_s: int,
    order_id: int | None = None,
    person_id: int | None = None,
    open_only: bool = False,
    limit: int = 200,
) -> list[Order]:
    """Return orders in the order of asking, those that are open first come first."""
    query = _all(ledger_id)
    if order_id is not None:
        query = query.where(_order.group_id == order_id)
    if person_id is not None:
        query = query.where(_order.person_id == person_id)
    if open_only:
        query = query.where(_end.outcome.is_(None), _order.expires_s > now_s)
    found = conn.execute(query.order_by(_order.group_id.desc()).limit(limit)).all()
    return [_read(conn, ledger_id, row, now_s) for row in reversed(found)]


def _all(ledger_id: int) -> Select[Any]:
    given = and_(_given.ledger_id == _order.ledger_id, _given.order_id == _order.group_id)
    ended = and_(_end.ledger_id == _order.ledger_id, _end.order_id == _order.group_id)
    return (
        select(
            t.compost_order,
            _given.group_id.label("stock_hold_id"),
            _end.outcome,
            _end.group_id.label("end_id"),
        )
        .select_from(
            t.compost_order.outerjoin(t.compost_allotment, given).outerjoin(
                t.compost_order_end, ended
            )
        )
        .where(_order.ledger_id == ledger_id)
    )


def _waits(now_s: int) -> tuple[ColumnElement[bool], ...]:
    return (_given.group_id.is_(None), _end.outcome.is_(None), _order.expires_s > now_s)


def _read(conn: Connection, ledger_id: int, row: Any, now_s: int) -> Order:
    state = row.outcome or (READY if row.stock_hold_id is not None else WAITING)
    if row.outcome is None and row.expires_s <= now_s:
        state = EXPIRED
    place = None
    if state == WAITING:
        before = _all(ledger_id).where(
            *_waits(now_s), _order.product_id == row.product_id, _order.group_id <= row.group_id
        )
        place = conn.scalar(select(func.count()).select_from(before.subquery()))
    return Order(
        row.group_id,
        row.product_id,
        row.person_id,
        row.grams,
        row.amount,
        row.amount_per_kg,
        row.ordered_by,
        row.ordered_s,
        row.expires_s,
        state,
        place,
        row.stock_hold_id,
        service.receipt_number(row.end_id) if state == HANDED_OVER else None,
    )


def _next(services: Services, product_id: int) -> tuple[Order, int] | None:
    """The first who waits and the product's stock, if there is enough of it."""
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        first = conn.execute(
            _all(ledger_id)
            .where(*_waits(now_s), _order.product_id == product_id)
            .order_by(_order.group_id)
            .limit(1)
        ).one_or_none()
        if first is None:
            return None
        product = service.product(conn, ledger_id, product_id, at_s=now_s)
        if product.stock_g < first.grams:
            return None
        return _read(conn, ledger_id, first, now_s), product.stock_account_id


def _free_what_nobody_waits_for(services: Services) -> None:
    """Stock that was reserved for an order while somebody cancelled it."""
    orphans = (
        select(_given.group_id)
        .join(t.compost_order_end, (_end.ledger_id == _given.ledger_id)
              & (_end.order_id == _given.order_id))
        .join(hold_open, (hold_open.c.ledger_id == _given.ledger_id)
              & (hold_open.c.transfer_id == _given.group_id))
        .where(_given.ledger_id == services.ledger_id)
    )  # fmt: skip
    with services.read() as conn:
        found = conn.scalars(orphans).all()
    for hold_id in found:
        try:
            services.poster.submit(Void(hold_id)).result()
        except HoldSettled:
            continue  # somebody else has freed it


def _check_share(conn: Connection, ledger_id: int, person_id: int, grams: int, now_s: int) -> None:
    """What one person has ordered and not fetched has a bound, so that a queue stays short."""
    most_g = rules.value(conn, ledger_id, "order_most_g", at_s=now_s)
    open_ = _all(ledger_id).where(
        _order.person_id == person_id, _end.outcome.is_(None), _order.expires_s > now_s
    )
    sums = select(func.coalesce(func.sum(open_.subquery().c.grams), 0))
    ordered_g = int(conn.scalar(sums) or 0)
    if ordered_g + grams > most_g:
        raise NotReserved(
            f"One person may have {most_g} g ordered at a time; {ordered_g} g are, "
            f"{grams} g were asked for. Fetch or cancel an order first."
        )


def _check_ready(found: Order) -> None:
    if found.state == WAITING:
        raise NotReserved(
            f"Order {found.id} waits for stock; it is number {found.place} in the queue."
        )
    if found.state != READY:
        raise AlreadyDecided(_over(found))


def _over(found: Order) -> str:
    if found.state == HANDED_OVER:
        return f"Order {found.id} was handed over: receipt {found.receipt}."
    return f"Order {found.id} is {found.state}; make a new one."


def _ended(order_id: int, outcome: str, by: str, now_s: int) -> Mapping[str, Any]:
    return {"order_id": order_id, "outcome": outcome, "ended_by": by, "ended_s": now_s}
