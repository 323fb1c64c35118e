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
from backend.errors import BadInput, NotFound
from backend.ledger import accounts, balances
from backend.ledger.errors import InsufficientFunds

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
        return 0 if self.waiting_g else self.stock_g


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
        raise BadInput(
            f"{row.name} has no price at that moment. Look at the date, or have it priced first."
        )
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


def too_dear(error: InsufficientFunds) -> InsufficientFunds:
    """The credit did not suffice."""
    words = f"This costs {error.facts['asked']}, the balance is {error.facts['left']}."
    return InsufficientFunds(words, **error.facts)
