"""Redeeming credit for a discount on a waste-fee bill: the credit is retired, the bill is lower.

The municipality is who is paid, so nothing is owed to anybody afterwards; its billing takes the
discounts over by the bills' references, from a sheet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from backend import rows
from backend import tables as programme
from backend.compost import voiding
from backend.compost.service import group_of, receipt_number, too_dear
from backend.errors import AlreadyDecided, BadInput, NotFound
from backend.fees.tables import fee_discount
from backend.idempotency import answered, named
from backend.ledger import accounts
from backend.ledger.errors import BadCorrection, InsufficientFunds, RowRefused
from backend.ledger.transfers import Code, Group, Leg
from backend.people import service as people
from backend.services import Services


@dataclass(frozen=True, slots=True)
class Discount:
    """A receipt: `amount` of credit, in minor units, off the bill of that reference."""

    receipt: str
    group_id: int
    bill: str
    bill_amount: int
    person_id: int
    amount: int
    redeemed_s: int
    voided: bool = False
    replayed: bool = False


def discount(
    services: Services,
    *,
    person_id: int,
    bill: str,
    bill_amount: int,
    amount: int,
    served_by: str,
    key: str,
) -> Discount:
    """Redeem credit for a discount on a bill, once for each bill.

    Raises BadInput for more than the bill, AlreadyDecided, NotFound, InsufficientFunds.
    """
    if not 0 < amount <= bill_amount:
        raise BadInput(f"A discount is from 1 to the bill's own {bill_amount}.")
    asked = {"person_id": person_id, "bill": bill, "bill_amount": bill_amount, "amount": amount}
    idempotency = named("fee discount", served_by, key, asked)
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        account_id = people.person(conn, ledger_id, person_id).account_id
        earlier = discounts(conn, ledger_id, bill=bill)
        known = answered(conn, ledger_id, idempotency)
    if not known and any(not each.voided for each in earlier):
        raise AlreadyDecided(f"The bill {bill} was discounted already.")
    row = {
        **asked,
        "attempt": len(earlier),
        "served_by": served_by,
        "redeemed_s": now_s,
    }
    leg = Leg(account_id, accounts.REDEEMED, amount, Code.REDEEM)
    group = Group((leg,), now_s, idempotency, ((fee_discount, row),))
    try:
        posted = services.poster.submit(group).result()
    except InsufficientFunds as error:
        raise too_dear(error) from error
    except (RowRefused, BadCorrection) as error:
        raise AlreadyDecided(f"The bill {bill} was discounted already.") from error
    return _discount(posted.rows[0], replayed=posted.replayed)


def discounts(
    conn: Connection,
    ledger_id: int,
    since_s: int = 0,
    until_s: int = 2**40,
    *,
    bill: str | None = None,
) -> list[Discount]:
    """Return the discounts of a period, those that were taken back too."""
    row, back = fee_discount.c, programme.correction.c
    query = (
        select(fee_discount, func.coalesce(back.corrects_id, 0).label("back"))
        .outerjoin(
            programme.correction,
            (back.ledger_id == row.ledger_id) & (back.corrects_id == row.group_id),
        )
        .where(row.ledger_id == ledger_id, row.redeemed_s >= since_s, row.redeemed_s < until_s)
        .order_by(row.group_id)
    )
    if bill is not None:
        query = query.where(row.bill == bill)
    return [_discount(each._mapping, voided=each.back > 0) for each in conn.execute(query)]


def void(services: Services, receipt: str, *, by: str, reason: str, key: str) -> Discount:
    """Take a discount back within the window. Raises NotFound, WindowOver, AlreadyDecided."""
    idempotency = named("void discount", by, key, {"receipt": receipt, "reason": reason})
    now_s, ledger_id = services.now_s(), services.ledger_id
    with services.read() as conn:
        made = find(conn, ledger_id, receipt)
        if not answered(conn, ledger_id, idempotency):
            if made.voided:
                raise AlreadyDecided(f"{receipt} was taken back already.")
            voiding.check_window(conn, ledger_id, receipt, made.redeemed_s, now_s)
        legs = voiding.reversed_legs(conn, ledger_id, made.group_id)
    group = Group(legs, now_s, idempotency, voiding.corrections(legs, by, reason))
    try:
        services.poster.submit(group).result()
    except (RowRefused, BadCorrection) as error:
        raise AlreadyDecided(f"{receipt} was taken back already.") from error
    with services.read() as conn:
        return find(conn, ledger_id, receipt)


def find(conn: Connection, ledger_id: int, receipt: str) -> Discount:
    """Raises NotFound."""
    row = fee_discount.c
    query = select(fee_discount).where(
        row.ledger_id == ledger_id, row.group_id == group_of(receipt)
    )
    found = conn.execute(query).one_or_none()
    if found is None:
        raise NotFound("There is no such receipt.")
    voided = rows.exists(
        conn, programme.correction, ledger_id=ledger_id, corrects_id=found.group_id
    )
    return _discount(found._mapping, voided=voided)


def _discount(row: Mapping[Any, Any], *, voided: bool = False, replayed: bool = False) -> Discount:
    return Discount(
        receipt_number(row["group_id"]),
        row["group_id"],
        row["bill"],
        row["bill_amount"],
        row["person_id"],
        row["amount"],
        row["redeemed_s"],
        voided,
        replayed,
    )
