"""Enrolling people and reading the registry. A person's account is opened with them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, select, true, update

from backend import rows
from backend import tables as t
from backend.errors import NotFound
from backend.ledger import accounts, balances
from backend.ledger.transfers import Code
from backend.privacy.tables import erasure
from backend.towns import service as towns

NAMELESS = ""  # whoever did not consent to being named


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    name: str
    household: str
    language: str
    account_id: int


class Newcomer(NamedTuple):
    """Whom to enrol; without a household they are one of their own."""

    name: str
    household: str
    language: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units; `available` is without what is held for open payments."""

    posted: int
    available: int
    currency: str
    scale: int


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of a person's account. `what` is a code of the ledger in small letters."""

    transfer_id: int
    group_id: int
    what: str
    amount: int
    balance_after: int
    effective_s: int


def enrol(
    conn: Connection,
    ledger_id: int,
    name: str,
    *,
    household: str = "",
    language: str = "ar",
    now_s: int,
) -> Person:
    """Register a person and open their account; without a household they are one of their own."""
    return enrol_all(conn, ledger_id, [Newcomer(name, household, language)], now_s=now_s)[0]


def enrol_all(
    conn: Connection, ledger_id: int, newcomers: Sequence[Newcomer], *, now_s: int
) -> list[Person]:
    """The same for many in a few statements, in their order; for nobody, nothing."""
    if not newcomers:
        return []
    ids = [rows.random_id() for _ in newcomers]
    owners = [f"person:{each}" for each in ids]
    opened = accounts.open_accounts(conn, ledger_id, accounts.CREDIT, owners)
    made = [
        Person(each, who.name, who.household or str(each), who.language, account_id)
        for each, who, account_id in zip(ids, newcomers, opened, strict=True)
    ]
    town = {"ledger_id": ledger_id, "enrolled_s": now_s}
    conn.execute(insert(t.person), [town | asdict(each) for each in made])
    return made


def person(conn: Connection, ledger_id: int, person_id: int) -> Person:
    """Raises NotFound."""
    query = select(t.person).where(t.person.c.ledger_id == ledger_id, t.person.c.id == person_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such person in this town.")
    return _person(row)


def require_there(conn: Connection, ledger_id: int, person_id: int) -> None:
    """Raises NotFound, also for whoever was erased: nothing new is kept of them."""
    person(conn, ledger_id, person_id)
    if rows.exists(conn, erasure, ledger_id=ledger_id, person_id=person_id):
        raise NotFound("This person was erased. Enrol them anew if they are back.")


def move(conn: Connection, ledger_id: int, person_id: int, household: str) -> Person:
    """Count a person for another household; their account stays theirs. Raises NotFound."""
    require_there(conn, ledger_id, person_id)
    mine = (t.person.c.ledger_id == ledger_id, t.person.c.id == person_id)
    conn.execute(update(t.person).where(*mine).values(household=household))
    return person(conn, ledger_id, person_id)


def find(
    conn: Connection,
    ledger_id: int,
    text: str,
    *,
    household: str = "",
    after: int = 0,
    limit: int = 50,
) -> list[Person]:
    """Return people whose name contains the text, in the order of their ids."""
    query = (
        select(t.person)
        .where(
            t.person.c.ledger_id == ledger_id,
            t.person.c.id > after,
            t.person.c.name.icontains(text, autoescape=True),
            (t.person.c.household == household) if household else true(),
        )
        .order_by(t.person.c.id)
        .limit(limit)
    )
    return [_person(row) for row in conn.execute(query)]


def balance(conn: Connection, ledger_id: int, person_id: int) -> Balance:
    """Raises NotFound."""
    found = balances.balance(conn, ledger_id, person(conn, ledger_id, person_id).account_id)
    town = towns.town(conn, ledger_id)
    return Balance(found.posted, found.available, town.currency, town.scale)


def statement(
    conn: Connection,
    ledger_id: int,
    person_id: int,
    *,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Line]:
    """Return movements, newest first, those before a transfer id. Raises NotFound."""
    account_id = person(conn, ledger_id, person_id).account_id
    return [
        Line(
            line.transfer_id,
            line.group_id,
            Code(line.code).name.lower(),
            line.amount,
            line.balance_after,
            line.effective_s,
        )
        for line in balances.statement(conn, ledger_id, account_id, before_id, limit)
    ]


def _person(row: Row[Any]) -> Person:
    return Person(row.id, row.name, row.household, row.language, row.account_id)
