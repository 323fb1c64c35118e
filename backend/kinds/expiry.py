"""Restricted money whose time is over goes back from its members to the town that issued it.

Merchants keep what they took in: the town settles that with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from backend import tables as t
from backend.access.service import Who
from backend.accounts import service as accounts
from backend.errors import BadInput, Conflict
from backend.kinds.service import currency
from backend.ledger import rules
from backend.ledger import tables as ledger
from backend.ledger.balances import balances
from backend.ledger.rules import Money
from backend.ledger.transfers import MAX_LEGS, Code, Group, Leg
from backend.services import Services


@dataclass(frozen=True, slots=True)
class TakenBack:
    """How many accounts gave back how much. What is held for open payments stays there."""

    accounts: int
    amount: int


def take_back(services: Services, who: Who, code: str) -> TakenBack:
    """Book what members have left of an ended currency back to its issuer; may be repeated.

    Raises NotFound, BadInput for money that has no end, Conflict while it may be spent.
    """
    now_s = services.now_s()
    with services.read() as conn:
        money = currency(conn, who.ledger_id, code)
        left = _left(conn, who.ledger_id, money, now_s)
    legs = [
        Leg(account_id, money.issuer, amount, Code.RETIRE) for account_id, amount in left.items()
    ]
    row: tuple[Any, dict[str, Any]] = (
        t.booking,
        {"booked_by": who.signature, "reason": f"{code} has ended"},
    )
    groups = [
        Group(tuple(legs[first : first + MAX_LEGS]), now_s, rows=(row,))
        for first in range(0, len(legs), MAX_LEGS)
    ]
    for group in groups:
        services.poster.submit(group).result()
    return TakenBack(len(legs), sum(left.values()))


def _left(conn: Connection, ledger_id: int, money: Money, now_s: int) -> Mapping[int, int]:
    """What members could give back, by account."""
    if not money.kind.restricted:
        raise BadInput(f"{money.code} is not restricted: it has no end.")
    found = rules.load(conn, ledger_id)
    ends = found.spend.get(money.id, {})
    if not ends:
        raise Conflict(f"{money.code} has no rule yet that could have ended.")
    if any(until_s > now_s for until_s in ends.values()):
        raise Conflict(f"{money.code} may still be spent: end its rules first.")
    row = ledger.account.c
    mine = (row.ledger_id == ledger_id, row.currency_id == money.id)
    theirs = select(row.id).where(*mine, row.owner_ref.startswith(accounts.PERSON))
    members = [each for each in conn.scalars(theirs) if not found.merchants.get(each)]
    has = balances(conn, ledger_id, members)
    return {each: has[each].available for each in members if has[each].available > 0}
