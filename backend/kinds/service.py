"""Deciding about kinds of money for people, opening accounts in them, and issuing them.

What a rule may be is the ledger's to say; here is who and what it is about. Only accounts of
people are issued to, limited or named as merchants: the town's own keep their ways.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from backend import tables as t
from backend.access.service import Who
from backend.accounts import service as accounts
from backend.errors import BadInput, NotFound, Taken
from backend.idempotency import named
from backend.ledger import accounts as books
from backend.ledger import rules
from backend.ledger.loading import terms
from backend.ledger.resolve import Amend, Amended
from backend.ledger.rules import Kind, Money, NameMerchant, Rules
from backend.ledger.transfers import Code, Group, Leg
from backend.people import service as people
from backend.services import Services
from backend.towns import service as towns
from backend.transfers import service as transfers
from backend.transfers.service import Booked


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of a kind; `spend` says where restricted money may be spent and until when."""

    code: str
    kind: str
    scale: int
    member_min: int
    spend: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two kinds of money that may move in one group, each under its code."""

    kind: str
    code: str
    other_kind: str
    other_code: str


@dataclass(frozen=True, slots=True)
class Moneys:
    """Everything that is in force."""

    kinds: tuple[Kind, ...]
    currencies: tuple[Currency, ...]
    crossings: tuple[Crossing, ...]


def moneys(conn: Connection, ledger_id: int) -> Moneys:
    """What money there is and what it may do."""
    found = rules.load(conn, ledger_id)
    return Moneys(
        tuple(found.kinds.values()),
        tuple(
            Currency(
                each.code, each.kind.code, each.scale, each.member_min, found.spend.get(each.id, {})
            )
            for each in found.money.values()
        ),
        tuple(
            Crossing(one[0], accounts.word(one[1]), other[0], accounts.word(other[1]))
            for one, other in sorted(found.crossings)
        ),
    )


def currency(conn: Connection, ledger_id: int, code: str) -> Money:
    """Raises NotFound."""
    for each in rules.load(conn, ledger_id).money.values():
        if each.code == code:
            return each
    raise NotFound(f"There is no currency called {code} here.")


def open_account(
    conn: Connection,
    ledger_id: int,
    person_id: int,
    code: str,
    *,
    min_balance: int | None,
    max_balance: int | None,
) -> int:
    """Open a person's account in a further currency; return its number.

    Raises NotFound, Taken if they have one, BadInput for a debt of money that somebody issues.
    """
    towns.lock(conn, ledger_id)
    person = people.person(conn, ledger_id, person_id)
    money = currency(conn, ledger_id, code)
    low = money.member_min if min_balance is None else min_balance
    _check_debt(money, low)
    if max_balance is not None and max_balance < low:
        raise BadInput("An account's minimum cannot be above its maximum.")
    own = accounts.owned(conn, ledger_id, person.id)
    if any(each.currency_id == money.id for each in terms(conn, ledger_id, own).values()):
        raise Taken(f"They have an account in {code} already.")
    return books.open_account(conn, ledger_id, money.id, f"person:{person.id}", low, max_balance)


def purses(conn: Connection, ledger_id: int, person_id: int) -> list[tuple[int, str]]:
    """A person's accounts and their currencies. Raises NotFound."""
    people.person(conn, ledger_id, person_id)
    money = rules.load(conn, ledger_id).money
    own = terms(conn, ledger_id, accounts.owned(conn, ledger_id, person_id))
    return sorted((account_id, money[each.currency_id].code) for account_id, each in own.items())


def set_limits(services: Services, asked: Amend) -> Amended:
    """Give a member's account new limits.

    Raises NotFound, OverMaximum, BadInput for a debt of money that somebody issues.
    """
    with services.read() as conn:
        _check_members(conn, services.ledger_id, asked.account_id)
        own = terms(conn, services.ledger_id, (asked.account_id,))[asked.account_id]
        money = rules.load(conn, services.ledger_id).money[own.currency_id]
        _check_debt(money, asked.min_balance)
    return services.poster.submit(asked).result()


def name_merchant(services: Services, account_id: int, kind: str, *, decided_by: str) -> int:
    """Say what kind of merchant a member's account belongs to; "" ends it. Raises NotFound."""
    with services.read() as conn:
        _check_members(conn, services.ledger_id, account_id)
    return services.poster.submit(NameMerchant(account_id, kind, decided_by)).result()


def issue(
    services: Services, who: Who, account_id: int, amount: int, *, code: Code, reason: str, key: str
) -> Booked:
    """Book money from the town to a member, or back, once for each key.

    Raises NotFound, BadInput for money that the town does not issue; then what the books refuse.
    """
    asked = {"account_id": account_id, "amount": amount, "code": code, "reason": reason}
    idempotency = named("issue", who.signature, key, asked)
    with services.read() as conn:
        _check_members(conn, who.ledger_id, account_id)
        own = terms(conn, who.ledger_id, (account_id,))[account_id]
        source = _issuer(rules.load(conn, who.ledger_id), own.currency_id)
    ends = (source, account_id) if code is Code.ISSUE else (account_id, source)
    row: tuple[Any, dict[str, Any]] = (t.booking, {"booked_by": who.signature, "reason": reason})
    group = Group((Leg(*ends, amount, code),), services.now_s(), idempotency, (row,))
    posted = services.poster.submit(group).result()
    with services.read() as conn:
        return transfers.group_of(conn, who.ledger_id, posted.group_id, replayed=posted.replayed)


def _issuer(found: Rules, currency_id: int) -> int:
    money = found.money[currency_id]
    if money.kind.issued_by != "town":
        raise BadInput(f"{money.code} is issued by {money.kind.issued_by}, not by the town.")
    return money.issuer


def _check_debt(money: Money, low: int | None) -> None:
    """Credit that nobody has earned or was given would be money made at a desk."""
    if (low is None or low < 0) and money.kind.issued_by != "nobody":
        raise BadInput(f"{money.code} is issued: an account of it does not fall below 0.")


def _check_members(conn: Connection, ledger_id: int, account_id: int) -> None:
    if accounts.owner(conn, ledger_id, account_id) is None:
        raise NotFound("There is no member with such an account.")
