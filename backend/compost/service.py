"""Compost in exchange for credit: one atomic group takes the credit and hands out the stock.

Stock is an account in grams that cannot go below zero, so 'not more than there is' and 'not
more than you have' are one mechanism. The receipt's number is the group's place in the books.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from backend import rows
from backend import tables as t
from backend.compost import tables as of
from backend.counters import service as counters
from backend.errors import BadInput, NotFound, NotReserved
from backend.idempotency import answered, named
from backend.ledger import accounts, balances
from backend.ledger.errors import InsufficientFunds
from backend.ledger.transfers import Code, Group, Leg
from backend.people import service as people
from backend.services import Services

GRAMS_MOST = 10_000_000

_price = t.product_price.c
_FOR_SALE = select(
    t.product.c.name,
    t.product.c.stock_account_id,
    select(_price.amount_per_kg)
    .where(
        _price.ledger_id == t.product.c.ledger_id,
        _price.product_id == t.product.c.id,
        _price.from_s <= bindparam("at_s"),
    )
    .order_by(_price.from_s.desc())
    .limit(1)
    .scalar_subquery()
    .label("amount_per_kg"),
).where(t.product.c.ledger_id == bindparam("ledger_id"), t.product.c.id == bindparam("product_id"))


@dataclass(frozen=True, slots=True)
class Product:
    """Something that is handed out by weight. `amount_per_kg` is None while it has no price.

    `stock_g` is not reserved for anybody yet; `waiting_g` was ordered when it was not there.
    """

    id: int
    name: str
    stock_account_id: int
    stock_g: int
    amount_per_kg: int | None
    waiting_g: int = 0

    @property
    def free_g(self) -> int:
        """What somebody who walks in may have: those who ordered and wait come first."""
        return max(0, self.stock_g - self.waiting_g)


@dataclass(frozen=True, slots=True)
class Batch:
    """Compost that was brought into stock; `replayed` marks a repeated request."""

    id: int
    product_id: int
    grams: int
    received_s: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Redemption:
    """A receipt. `amount` is what was paid, in minor units; `replayed` marks a repeated request."""

    receipt: str
    group_id: int
    product: str
    person_id: int
    grams: int
    amount: int
    amount_per_kg: int
    served_by: str
    redeemed_s: int
    replayed: bool = False


def create_product(conn: Connection, ledger_id: int, name: str, *, now_s: int) -> Product:
    """Raises Taken."""
    rows.require_free(
        conn,
        t.product,
        f"There is a product called {name} already.",
        ledger_id=ledger_id,
        name=name,
    )
    product_id = rows.next_id(conn, ledger_id, t.product.c.id)
    account_id = accounts.open_account(conn, ledger_id, accounts.COMPOST, f"product:{product_id}")
    conn.execute(
        insert(t.product).values(
            ledger_id=ledger_id,
            id=product_id,
            name=name,
            stock_account_id=account_id,
            created_s=now_s,
        )
    )
    return Product(product_id, name, account_id, 0, None)


def set_price(
    conn: Connection,
    ledger_id: int,
    product_id: int,
    amount_per_kg: int,
    *,
    decided_by: str,
    from_s: int,
) -> None:
    """Price a product from a moment on. Raises BadInput, NotFound, Taken."""
    if not 0 < amount_per_kg <= 10**9:
        raise BadInput("A price per kilogram is a whole number above 0.")
    product(conn, ledger_id, product_id, at_s=from_s)
    key = {"ledger_id": ledger_id, "product_id": product_id, "from_s": from_s}
    rows.require_free(conn, t.product_price, "A price was set for that very moment already.", **key)
    conn.execute(
        insert(t.product_price).values(**key, amount_per_kg=amount_per_kg, decided_by=decided_by)
    )


def product(conn: Connection, ledger_id: int, product_id: int, *, at_s: int) -> Product:
    """Return a product with its stock now and its price at a moment. Raises NotFound."""
    for found in products(conn, ledger_id, at_s=at_s):
        if found.id == product_id:
            return found
    raise NotFound("There is no such product.")


def products(conn: Connection, ledger_id: int, *, at_s: int) -> list[Product]:
    found = conn.execute(
        select(t.product).where(t.product.c.ledger_id == ledger_id).order_by(t.product.c.id)
    ).all()
    stock = balances.balances(conn, ledger_id, [row.stock_account_id for row in found])
    waiting = waiting_g(conn, ledger_id, at_s)
    price = t.product_price.c
    query = select(price.product_id, price.amount_per_kg).where(
        price.ledger_id == ledger_id, price.from_s <= at_s
    )
    in_force = {r.product_id: r.amount_per_kg for r in conn.execute(query.order_by(price.from_s))}
    return [
        Product(
            row.id,
            row.name,
            row.stock_account_id,
            stock[row.stock_account_id].available,
            in_force.get(row.id),
            waiting.get(row.id, 0),
        )
        for row in found
    ]


def receive(
    services: Services,
    product_id: int,
    grams: int,
    *,
    received_by: str,
    note: str = "",
    key: str,
) -> Batch:
    """Bring a batch into stock. Raises MissingKey, BadInput, NotFound, KeyReused, InProgress."""
    check_grams(grams)
    now_s = services.now_s()
    with services.read() as conn:
        account_id = product(conn, services.ledger_id, product_id, at_s=now_s).stock_account_id
    asked = {"product_id": product_id, "grams": grams, "note": note}
    batch = {**asked, "received_by": received_by, "received_s": now_s}
    group = Group(
        (Leg(accounts.STOCK_SOURCE, account_id, grams, Code.RECEIVE_STOCK),),
        now_s,
        named("receive", received_by, key, asked),
        ((t.batch, batch),),
    )
    posted = services.poster.submit(group).result()
    received_s = posted.rows[0]["received_s"]
    return Batch(posted.group_id, product_id, grams, received_s, posted.replayed)


def redeem(
    services: Services,
    *,
    product_id: int,
    person_id: int,
    grams: int,
    served_by: str,
    key: str | None,
    counter_id: int = counters.EVERYWHERE,
    after_close: bool = False,
    happened_s: int | None = None,
    rows: tuple[tuple[Any, Mapping[str, Any]], ...] = (),
) -> Redemption:
    """Take credit for grams of a product, and hand them out: all of it or nothing.

    A repeat with the same key answers the same receipt. Raises MissingKey, BadInput, NotFound,
    DayClosed, NotReserved for what others wait for, InsufficientFunds (in words that say which
    of the two is short), KeyReused, InProgress. What happened on paper at `happened_s` has that
    moment's price and no queue before it; `rows` of the caller's make it unique without a key.
    """
    check_grams(grams)
    asked = {"product_id": product_id, "person_id": person_id, "grams": grams}
    idempotency = None if key is None else named("redeem", served_by, key, asked)
    now_s, ledger_id = happened_s or services.now_s(), services.ledger_id
    with services.read() as conn:
        bought = for_sale(conn, ledger_id, product_id, now_s)
        account_id = people.person(conn, ledger_id, person_id).account_id
        at = counters.entry(conn, ledger_id, counter_id, now_s=now_s, after_close=after_close)
        if idempotency is not None and not answered(conn, ledger_id, idempotency):
            _check_queue(conn, ledger_id, bought, product_id, grams, now_s)
    amount = cost(grams, bought.amount_per_kg)
    row = {
        "product_id": product_id,
        "person_id": person_id,
        "grams": grams,
        "amount": amount,
        "amount_per_kg": bought.amount_per_kg,
        "served_by": served_by,
        "redeemed_s": now_s,
    }
    legs = (
        Leg(account_id, accounts.REDEEMED, amount, Code.REDEEM),
        Leg(bought.stock_account_id, accounts.HANDED_OUT, grams, Code.HAND_OVER),
    )
    group = Group(legs, now_s, idempotency, ((t.redemption, row), at, *rows))
    try:
        posted = services.poster.submit(group).result()
    except InsufficientFunds as error:
        raise _short(bought, error) from error
    return receipt_of(posted.rows[0], bought.name, replayed=posted.replayed)


def _check_queue(
    conn: Connection, ledger_id: int, bought: Any, product_id: int, grams: int, now_s: int
) -> None:
    """Those who ordered and wait come before those who walk in. Raises NotReserved."""
    waiting = waiting_g(conn, ledger_id, now_s).get(product_id, 0)
    if not waiting:
        return
    account_id = bought.stock_account_id
    free_g = balances.balance(conn, ledger_id, account_id).available - waiting
    if grams > free_g:
        raise NotReserved(
            f"{waiting} g of {bought.name} are ordered by people who wait; {max(0, free_g)} g "
            "are free. Make an order to join the queue."
        )


def waiting_g(conn: Connection, ledger_id: int, now_s: int) -> dict[int, int]:
    """Return the grams of each product that were ordered and have no stock yet."""
    order, given, ended = of.compost_order.c, of.compost_allotment.c, of.compost_order_end.c
    joined = of.compost_order.outerjoin(
        of.compost_allotment,
        (given.ledger_id == order.ledger_id) & (given.order_id == order.group_id),
    ).outerjoin(
        of.compost_order_end,
        (ended.ledger_id == order.ledger_id) & (ended.order_id == order.group_id),
    )
    query = (
        select(order.product_id, func.sum(order.grams))
        .select_from(joined)
        .where(
            order.ledger_id == ledger_id,
            order.expires_s > now_s,
            given.group_id.is_(None),
            ended.outcome.is_(None),
        )
        .group_by(order.product_id)
    )
    return {row[0]: int(row[1]) for row in conn.execute(query)}


def for_sale(conn: Connection, ledger_id: int, product_id: int, at_s: int) -> Any:
    """A product's row with its price at a moment; what is in stock is the poster's to check.

    Raises NotFound, BadInput.
    """
    wanted = {"ledger_id": ledger_id, "product_id": product_id, "at_s": at_s}
    row = conn.execute(_FOR_SALE, wanted).one_or_none()
    if row is None:
        raise NotFound("There is no such product.")
    if row.amount_per_kg is None:
        raise BadInput(f"{row.name} has no price yet.")
    return row


def cost(grams: int, amount_per_kg: int) -> int:
    """Return the credit for grams, rounded up: compost is never handed out for nothing."""
    return -(-grams * amount_per_kg // 1000)


def redemption(conn: Connection, ledger_id: int, receipt: str) -> Redemption:
    """Find a receipt by its number. Raises NotFound."""
    group_id = group_of(receipt)
    row = conn.execute(
        select(t.redemption, t.product.c.name)
        .join(
            t.product,
            (t.product.c.ledger_id == t.redemption.c.ledger_id)
            & (t.product.c.id == t.redemption.c.product_id),
        )
        .where(t.redemption.c.ledger_id == ledger_id, t.redemption.c.group_id == group_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such receipt.")
    return receipt_of(row._asdict(), row.name)


def receipt_of(row: Mapping[str, Any], product_name: str, *, replayed: bool = False) -> Redemption:
    """A row of `redemption` as a receipt."""
    return Redemption(
        receipt_number(row["group_id"]),
        row["group_id"],
        product_name,
        row["person_id"],
        row["grams"],
        row["amount"],
        row["amount_per_kg"],
        row["served_by"],
        row["redeemed_s"],
        replayed,
    )


def receipt_number(group_id: int) -> str:
    """Return a number to print: the group's place in the books and a check digit modulo 97."""
    return f"R{group_id}-{98 - group_id * 100 % 97:02d}"


def group_of(receipt: str) -> int:
    """Return the place in the books that a receipt names. Raises NotFound."""
    number = receipt.strip().upper().removeprefix("R").partition("-")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFound("There is no such receipt.")
    if receipt_number(int(number)) != receipt.strip().upper():
        raise NotFound("This receipt number has a wrong digit in it.")
    return int(number)


def check_grams(grams: int) -> None:
    if not 0 < grams <= GRAMS_MOST:
        raise BadInput(f"A weight is 1 to {GRAMS_MOST} whole grams.")


def _short(bought: Product, error: InsufficientFunds) -> InsufficientFunds:
    """Say whether the credit or the compost did not suffice, as the books had it then."""
    left, asked = error.facts["left"], error.facts["asked"]
    if error.facts["account_id"] != bought.stock_account_id:
        return too_dear(error)
    words = f"There are {left} g of {bought.name} in stock, {asked} g were asked for."
    return InsufficientFunds(words, **error.facts)


def too_dear(error: InsufficientFunds) -> InsufficientFunds:
    """The credit did not suffice."""
    words = f"This costs {error.facts['asked']}, the balance is {error.facts['left']}."
    return InsufficientFunds(words, **error.facts)
