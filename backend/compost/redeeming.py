"""Compost over the counter: who walks in takes what nobody waits for, all of it or nothing.

Those who have ordered and wait come first. The look at the queue is repeated by the database
itself, under the books' lock (`guards`), so that an order of the same moment is seen as well.
"""

from collections.abc import Mapping
from typing import Any

from backend import tables as t
from backend.compost import orders
from backend.compost import tables as own
from backend.compost.service import (
    Redemption,
    check_grams,
    cost,
    for_sale,
    receipt_of,
    too_dear,
    waiting_g,
)
from backend.counters import service as counters
from backend.errors import NotReserved
from backend.idempotency import answered, named
from backend.ledger import accounts
from backend.ledger.errors import InsufficientFunds, RowRefused
from backend.ledger.transfers import Code, Group, Leg
from backend.people import service as people
from backend.services import Services

TRIES = 5  # orders that come at the very moment of a hand-over, one after the other


def redeem(
    services: Services,
    *,
    product_id: int,
    person_id: int,
    grams: int,
    served_by: str,
    key: str,
    counter_id: int = counters.EVERYWHERE,
    after_close: bool = False,
) -> Redemption:
    """Take credit for grams of a product, and hand them out: all of it or nothing.

    A repeat with the same key answers the same receipt. Raises MissingKey, BadInput, NotFound,
    DayClosed, NotReserved for what others wait for, InsufficientFunds (in words that say which
    of the two is short), KeyReused, InProgress.
    """
    check_grams(grams)
    asked = {"product_id": product_id, "person_id": person_id, "grams": grams}
    idempotency = named("redeem", served_by, key, asked)
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        bought = for_sale(conn, ledger_id, product_id, now_s)
        account_id = people.person(conn, ledger_id, person_id).account_id
        known = answered(conn, ledger_id, idempotency)  # a repeat hears its receipt on any day
        late = after_close or known
        at = counters.entry(conn, ledger_id, counter_id, now_s=now_s, after_close=late)
    amount = cost(grams, bought.amount_per_kg)
    row = {
        **asked,
        "amount": amount,
        "amount_per_kg": bought.amount_per_kg,
        "served_by": served_by,
        "redeemed_s": now_s,
    }
    walks_in = (own.compost_walk_in, {"product_id": product_id, "at_s": now_s})
    group = Group(
        legs(account_id, amount, bought.stock_account_id, grams),
        now_s,
        idempotency,
        ((t.redemption, row), at, walks_in),
    )
    return _book(services, bought, product_id, group, known)


def legs(account_id: int, amount: int, stock_account_id: int, grams: int) -> tuple[Leg, Leg]:
    """Credit for compost."""
    return (
        Leg(account_id, accounts.REDEEMED, amount, Code.REDEEM),
        Leg(stock_account_id, accounts.HANDED_OUT, grams, Code.HAND_OVER),
    )


def short(bought: Any, error: InsufficientFunds) -> InsufficientFunds:
    """Say whether the credit or the compost did not suffice, as the books had it then."""
    left, asked = error.facts["left"], error.facts["asked"]
    if error.facts["account_id"] != bought.stock_account_id:
        return too_dear(error)
    words = f"There are {left} g of {bought.name} in stock, {asked} g were asked for."
    return InsufficientFunds(words, **error.facts)


def _book(
    services: Services, bought: Any, product_id: int, group: Group, known: bool
) -> Redemption:
    """Book a walk-in unless somebody waits; an order that can be served is served first."""
    for _ in range(TRIES):
        if not known:
            _check_queue(services, bought, product_id)
        try:
            posted = services.poster.submit(group).result()
        except InsufficientFunds as error:
            raise short(bought, error) from error
        except RowRefused:
            if not _ordered(services, product_id):
                raise
            continue
        row: Mapping[str, Any] = posted.rows[0]
        return receipt_of(row, bought.name, replayed=posted.replayed)
    raise NotReserved(f"Others are ordering {bought.name} at this very moment. Ask again.")


def _check_queue(services: Services, bought: Any, product_id: int) -> None:
    """Those who ordered and wait come before those who walk in. Raises NotReserved."""
    if not _ordered(services, product_id):
        return
    orders.allot(services, product_id)
    waiting = _ordered(services, product_id)
    if waiting:
        raise NotReserved(
            f"{waiting} g of {bought.name} are ordered by people who wait, and what is in stock "
            "is theirs. Make an order to join the queue."
        )


def _ordered(services: Services, product_id: int) -> int:
    with services.read() as conn:
        return waiting_g(conn, services.ledger_id, services.now_s()).get(product_id, 0)
