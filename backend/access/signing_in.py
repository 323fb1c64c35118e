"""Signing in and out, and who a session belongs to.

A wrong secret is counted before it is looked at (`tries`), and no answer tells whether there is
such a name. A blocked card is named as such only to whoever has its PIN.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from backend import tables as t
from backend.access import second_factor, tries
from backend.access.passwords import matches
from backend.access.who import Trail, Who
from backend.cards import service as cards
from backend.errors import BadCode, BadLogin, CodeNeeded
from backend.people import delegates
from backend.services import Services


@dataclass(frozen=True, slots=True)
class From:
    """Where a try comes from: an address, and the cookie of a browser that may be known."""

    address: str
    known: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """`known` is the cookie by which the browser is known from now on."""

    token: str
    who: Who
    expires_s: int
    known: str = ""


def staff(services: Services, login: str, password: str, place: From, code: str = "") -> SignIn:
    """Raises BadLogin, LockedOut; neither tells whether the name exists. CodeNeeded, BadCode."""
    query = select(t.staff).where(
        t.staff.c.ledger_id == services.ledger_id,
        t.staff.c.login == login,
        t.staff.c.closed.is_(False),
    )
    with services.read() as conn:
        row = conn.execute(query).one_or_none()
    name, stored = f"{services.ledger_id}:staff:{login}", row.password_hash if row else None
    with _one_try(services, name, place, stored):
        if not matches(stored, password) or row is None:
            raise BadLogin("The name or the password is wrong.")
        _check_code(services, row.id, code)
    who = Who(services.ledger_id, "staff", row.id, row.name, row.role, trail=_trail(services))
    who.note("sign_in")
    return _open(services, who, name, place)


def resident(services: Services, number: str, pin: str, place: From) -> SignIn:
    """Sign in with the number printed on the card and its PIN. Raises BadLogin, LockedOut."""
    who, name = check_pin(services, number, pin, place)
    return _open(services, who, name, place)


def check_pin(services: Services, number: str, pin: str, place: From) -> tuple[Who, str]:
    """Return whose card this is, and the name it is counted under. BadLogin, LockedOut."""
    digits = number.replace(" ", "")
    query = (
        select(t.card.c.pin_hash, t.person.c.id, t.person.c.name)
        .join(t.person, _same_person())
        .where(t.card.c.ledger_id == services.ledger_id, t.card.c.number == digits)
    )
    with services.read() as conn:
        row = conn.execute(query).one_or_none()
    name, stored = f"{services.ledger_id}:card:{digits}", row.pin_hash if row else None
    with _one_try(services, name, place, stored):
        if not matches(stored, pin) or row is None:
            raise BadLogin("The card number or the PIN is wrong.")
        with services.read() as conn:
            card = cards.by_number(conn, services.ledger_id, digits)
        if card.state != cards.ACTIVE:
            raise BadLogin("This card is blocked. Please ask at the counter.")
    return Who(services.ledger_id, "resident", row.id, row.name, "resident"), name


def out(services: Services, token: str) -> None:
    services.sessions.close(token)


def who_is(services: Services, token: str) -> Who | None:
    """Return whose session a token is; None if it has ended or its owner has left."""
    found = services.sessions.find(token, services.now_s())
    if found is None or found.ledger_id != services.ledger_id:
        return None
    with services.read() as conn:
        if found.kind == "staff":
            return _staff(conn, services, found.subject_id)
        return _resident(conn, services, found.subject_id)


def _check_code(services: Services, staff_id: int, code: str) -> None:
    with services.begin() as conn:
        if not second_factor.is_on(conn, services.ledger_id, staff_id):
            return
        if not code:
            raise CodeNeeded("Write the code that your telephone shows, too.")
        vault, now_s = services.vault, services.now_s()
        right = second_factor.use(conn, vault, services.ledger_id, staff_id, code, now_s=now_s)
    if not right:
        raise BadCode("This is not the code of this moment.")


@contextmanager
def _one_try(services: Services, name: str, place: From, stored: str | None) -> Iterator[None]:
    asked = tries.counts(services.vault, name, place.address, place.known, stored or "")
    with services.sessions.one_try(asked, services.now_s()):
        yield


def _open(services: Services, who: Who, name: str, place: From) -> SignIn:
    now_s, hours = services.now_s(), services.settings.session_hours
    token = services.sessions.open(who.ledger_id, who.kind, who.id, now_s, hours)
    known = tries.remember(services.vault, name, place.known)
    return SignIn(token, who, now_s + hours * 3600, known)


def _staff(conn: Connection, services: Services, staff_id: int) -> Who | None:
    query = select(t.staff).where(
        t.staff.c.ledger_id == services.ledger_id,
        t.staff.c.id == staff_id,
        t.staff.c.closed.is_(False),
    )
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Who(services.ledger_id, "staff", row.id, row.name, row.role, trail=_trail(services))


def _resident(conn: Connection, services: Services, person_id: int) -> Who | None:
    ledger_id = services.ledger_id
    query = select(t.person).where(t.person.c.ledger_id == ledger_id, t.person.c.id == person_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    acts_for = delegates.acts_for(conn, ledger_id, person_id, now_s=services.now_s())
    trail = _trail(services)
    return Who(ledger_id, "resident", row.id, row.name, "resident", acts_for, trail)


def _trail(services: Services) -> Trail:
    return Trail(services.audit, services.now_s)


def _same_person() -> ColumnElement[bool]:
    return (t.person.c.ledger_id == t.card.c.ledger_id) & (t.person.c.id == t.card.c.person_id)
