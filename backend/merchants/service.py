"""Registering merchants, what they promise to accept, and paying at them.

A merchant's credits are money like anybody's until a settlement takes them back for official
money. What restricted money may buy there is the ledger's rule on the merchant's kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from backend import rows
from backend import tables as programme
from backend.compost import voiding
from backend.compost.service import group_of, receipt_number, too_dear
from backend.errors import AlreadyDecided, BadInput, NotFound, Overlap
from backend.idempotency import answered, named
from backend.kinds import service as kinds
from backend.ledger import accounts as books
from backend.ledger.errors import BadCorrection, InsufficientFunds, RowRefused
from backend.ledger.rules import NameMerchant
from backend.ledger.transfers import MAX_AMOUNT, Code, Group, Leg
from backend.merchants import tables as t
from backend.services import Services

CREDIT = "credit"
OWNER = "merchant:"


@dataclass(frozen=True, slots=True)
class Merchant:
    """`accounts` are by currency; `promised` is what is left of the promise in force."""

    id: int
    name: str
    kind: str
    accounts: Mapping[str, int]
    promised: int


@dataclass(frozen=True, slots=True)
class Payment:
    """A receipt of a payment at a merchant."""

    receipt: str
    group_id: int
    merchant_id: int
    person_id: int
    currency: str
    amount: int
    paid_s: int
    voided: bool = False
    replayed: bool = False


def register(services: Services, name: str, kind: str, *, decided_by: str) -> Merchant:
    """Register a merchant with an account for credit. Raises Taken."""
    ledger_id = services.ledger_id
    with services.begin() as conn:
        taken = f"There is a merchant called {name} already."
        rows.require_free(conn, t.shop, taken, ledger_id=ledger_id, name=name)
        shop_id = rows.next_id(conn, ledger_id, t.shop.c.id)
        conn.execute(
            insert(t.shop).values(
                ledger_id=ledger_id,
                id=shop_id,
                name=name,
                kind=kind,
                registered_by=decided_by,
                registered_s=services.now_s(),
            )
        )
    return accept(services, shop_id, CREDIT, decided_by=decided_by)


def accept(services: Services, shop_id: int, currency: str, *, decided_by: str) -> Merchant:
    """Open a merchant's account in a currency, named by the merchant's kind; may be repeated.

    Raises NotFound.
    """
    ledger_id = services.ledger_id
    with services.begin() as conn:
        found = merchant(conn, ledger_id, shop_id, now_s=services.now_s())
        money = kinds.currency(conn, ledger_id, currency)
        if (account_id := found.accounts.get(currency)) is None:
            account_id = books.open_account(conn, ledger_id, money.id, f"{OWNER}{shop_id}")
            conn.execute(
                insert(t.shop_account).values(
                    ledger_id=ledger_id, shop_id=shop_id, currency=currency, account_id=account_id
                )
            )
    services.poster.submit(NameMerchant(account_id, found.kind, decided_by)).result()
    with services.read() as conn:
        return merchant(conn, ledger_id, shop_id, now_s=services.now_s())


def promise(
    conn: Connection,
    ledger_id: int,
    shop_id: int,
    *,
    from_s: int,
    until_s: int,
    amount: int,
    decided_by: str,
) -> None:
    """Note what a merchant promises to accept in a period. Raises NotFound, BadInput, Overlap."""
    if from_s >= until_s or not 0 <= amount <= MAX_AMOUNT:
        raise BadInput("A promise has a period that ends after it starts, and an amount.")
    merchant(conn, ledger_id, shop_id, now_s=from_s)
    row = t.shop_promise.c
    same = select(func.count()).where(
        row.ledger_id == ledger_id,
        row.shop_id == shop_id,
        row.from_s < until_s,
        row.until_s > from_s,
    )
    if conn.scalar(same):
        raise Overlap("That period shares days with another promise of this merchant.")
    conn.execute(
        insert(t.shop_promise).values(
            ledger_id=ledger_id,
            shop_id=shop_id,
            from_s=from_s,
            until_s=until_s,
            amount=amount,
            decided_by=decided_by,
        )
    )


def promised(conn: Connection, ledger_id: int, *, now_s: int) -> dict[int, int]:
    """Return what is left of each merchant's promise in force: promised less accepted in it."""
    row, paid, back = t.shop_promise.c, t.shop_payment.c, programme.correction.c
    taken = (
        select(func.coalesce(func.sum(paid.amount), 0))
        .outerjoin(
            programme.correction,
            (back.ledger_id == paid.ledger_id) & (back.corrects_id == paid.group_id),
        )
        .where(
            paid.ledger_id == row.ledger_id,
            paid.shop_id == row.shop_id,
            paid.currency == CREDIT,
            paid.paid_s >= row.from_s,
            back.corrects_id.is_(None),
        )
        .correlate(t.shop_promise)
        .scalar_subquery()
    )
    query = select(row.shop_id, row.amount, taken.label("taken")).where(
        row.ledger_id == ledger_id, row.from_s <= now_s, row.until_s > now_s
    )
    return {each.shop_id: max(0, each.amount - int(each.taken)) for each in conn.execute(query)}


def merchants(conn: Connection, ledger_id: int, *, now_s: int) -> list[Merchant]:
    row, own = t.shop.c, t.shop_account.c
    accounts: dict[int, dict[str, int]] = {}
    for each in conn.execute(
        select(own.shop_id, own.currency, own.account_id).where(own.ledger_id == ledger_id)
    ):
        accounts.setdefault(each.shop_id, {})[each.currency] = each.account_id
    left = promised(conn, ledger_id, now_s=now_s)
    query = select(row.id, row.name, row.kind).where(row.ledger_id == ledger_id).order_by(row.id)
    return [
        Merchant(each.id, each.name, each.kind, accounts.get(each.id, {}), left.get(each.id, 0))
        for each in conn.execute(query)
    ]


def merchant(conn: Connection, ledger_id: int, shop_id: int, *, now_s: int) -> Merchant:
    """Raises NotFound."""
    for found in merchants(conn, ledger_id, now_s=now_s):
        if found.id == shop_id:
            return found
    raise NotFound("There is no such merchant.")


def pay(
    services: Services,
    shop_id: int,
    person_id: int,
    amount: int,
    *,
    currency: str = CREDIT,
    taken_by: str,
    key: str,
) -> Payment:
    """Pay at a merchant, once for each key.

    Raises MissingKey, NotFound, InsufficientFunds, NotSpendable, KeyReused, InProgress.
    """
    asked = {"shop_id": shop_id, "person_id": person_id, "currency": currency, "amount": amount}
    idempotency = named("pay merchant", taken_by, key, asked)
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        found = merchant(conn, ledger_id, shop_id, now_s=now_s)
        purse = {code: each for each, code in kinds.purses(conn, ledger_id, person_id)}
    if currency not in found.accounts or currency not in purse:
        raise NotFound(f"{found.name} and the payer do not both have an account in {currency}.")
    leg = Leg(purse[currency], found.accounts[currency], amount, Code.PAY)
    row = {**asked, "taken_by": taken_by, "paid_s": now_s}
    booking = (programme.booking, {"booked_by": taken_by, "reason": f"at {found.name}"[:200]})
    group = Group((leg,), now_s, idempotency, ((t.shop_payment, row), booking))
    try:
        posted = services.poster.submit(group).result()
    except InsufficientFunds as error:
        raise too_dear(error) from error
    return _payment(posted.rows[0], replayed=posted.replayed)


def payment(conn: Connection, ledger_id: int, receipt: str) -> Payment:
    """Raises NotFound."""
    row = t.shop_payment.c
    query = select(t.shop_payment).where(
        row.ledger_id == ledger_id, row.group_id == group_of(receipt)
    )
    found = conn.execute(query).one_or_none()
    if found is None:
        raise NotFound("There is no such receipt.")
    voided = rows.exists(
        conn, programme.correction, ledger_id=ledger_id, corrects_id=found.group_id
    )
    return _payment(found._mapping, voided=voided)


def void(services: Services, receipt: str, *, by: str, reason: str, key: str) -> Payment:
    """Take a payment back within the window, once. Raises NotFound, WindowOver, AlreadyDecided."""
    idempotency = named("void payment", by, key, {"receipt": receipt, "reason": reason})
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        made = payment(conn, ledger_id, receipt)
        if not answered(conn, ledger_id, idempotency):
            if made.voided:
                raise AlreadyDecided(f"{receipt} was taken back already.")
            voiding.check_window(conn, ledger_id, receipt, made.paid_s, now_s)
        legs = voiding.reversed_legs(conn, ledger_id, made.group_id)
    group = Group(legs, now_s, idempotency, voiding.corrections(legs, by, reason))
    try:
        services.poster.submit(group).result()
    except (RowRefused, BadCorrection) as error:
        raise AlreadyDecided(f"{receipt} was taken back already.") from error
    with services.read() as conn:
        return payment(conn, ledger_id, receipt)


def _payment(row: Mapping[Any, Any], *, voided: bool = False, replayed: bool = False) -> Payment:
    return Payment(
        receipt_number(row["group_id"]),
        row["group_id"],
        row["shop_id"],
        row["person_id"],
        row["currency"],
        row["amount"],
        row["paid_s"],
        voided,
        replayed,
    )
