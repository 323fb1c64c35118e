"""Issuing and blocking cards, and finding whose card was used at a moment.

A card is the keyed hash of its UID. What was deposited with a card before it was issued waits
in suspense under that hash, and is claimed when the card gets its holder.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from backend import rows
from backend import tables as t
from backend.access.passwords import hash_pin
from backend.cards import numbers
from backend.cards.tables import secure_card
from backend.errors import BadInput, NotFound
from backend.people import service as people
from backend.vault import Vault

UID_BYTES = (4, 7, 10)  # ISO/IEC 14443-3: single, double and triple size
ACTIVE, BLOCKED = "active", "blocked"
PLAIN, SECURE = "plain", "secure"


@dataclass(frozen=True, slots=True)
class Card:
    """`state` is the card's state now; `tier` is how far it is trusted.

    A secure card proves at each tap that it is itself. A plain one shows a number that can be
    copied, so that what it brings a day is capped.
    """

    id: int
    number: str
    last4: str
    person_id: int
    state: str
    tier: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose account a card pays into, and what it was allowed from when on: (from_s, state)."""

    account_id: int
    person_id: int
    states: tuple[tuple[int, str], ...]

    def active_at(self, effective_s: int) -> bool:
        """Tell whether the card was in force at a moment."""
        state = ""
        for from_s, new in self.states:
            if from_s <= effective_s:
                state = new
        return state == ACTIVE


def issue(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    *,
    person_id: int,
    uid: bytes,
    pin: str,
    decided_by: str,
    from_s: int,
) -> Card:
    """Give a card to a person from a moment on. Raises BadInput, BadPin, NotFound, Taken."""
    return issue_hashed(
        conn,
        vault,
        ledger_id,
        person_id=person_id,
        uid=uid,
        pin_hash=hash_pin(pin),
        decided_by=decided_by,
        from_s=from_s,
    )


def issue_hashed(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    *,
    person_id: int,
    uid: bytes,
    pin_hash: str,
    decided_by: str,
    from_s: int,
) -> Card:
    """The same with a PIN that was hashed before the transaction: hashing takes its time."""
    if len(uid) not in UID_BYTES:
        raise BadInput("A card's UID has 4, 7 or 10 bytes.")
    people.person(conn, ledger_id, person_id)
    uid_hash = vault.card_hash(uid)
    rows.require_free(
        conn, t.card, "This card was issued before.", ledger_id=ledger_id, uid_hash=uid_hash
    )
    card_id, number = rows.random_id(), _free_number(conn, ledger_id)
    last4 = uid.hex()[-4:].upper()
    conn.execute(
        insert(t.card).values(
            ledger_id=ledger_id,
            id=card_id,
            uid_hash=uid_hash,
            last4=last4,
            number=number,
            pin_hash=pin_hash,
            person_id=person_id,
            issued_s=from_s,
        )
    )
    _set_state(conn, ledger_id, card_id, ACTIVE, decided_by, from_s)
    return Card(card_id, number, last4, person_id, ACTIVE, _tier(conn, ledger_id, uid_hash))


def block(conn: Connection, ledger_id: int, number: str, *, decided_by: str, from_s: int) -> Card:
    """Stop a card from a moment on: a lost card. Raises BadNumber, NotFound."""
    card = by_number(conn, ledger_id, number)
    if card.state != BLOCKED:
        _set_state(conn, ledger_id, card.id, BLOCKED, decided_by, from_s)
    return replace(card, state=BLOCKED)


def by_number(conn: Connection, ledger_id: int, number: str) -> Card:
    """Find a card by what is printed on it. Raises BadNumber, NotFound."""
    digits = numbers.check(number)
    return _one(conn, ledger_id, t.card.c.number == digits)


def by_uid(conn: Connection, vault: Vault, ledger_id: int, uid: bytes) -> Card:
    """Find a card by what a reader saw. Raises NotFound."""
    return _one(conn, ledger_id, t.card.c.uid_hash == vault.card_hash(uid))


def of_person(conn: Connection, ledger_id: int, person_id: int) -> list[Card]:
    """Return a person's cards, the first first. Raises NotFound."""
    people.person(conn, ledger_id, person_id)
    query = select(t.card).where(t.card.c.ledger_id == ledger_id, t.card.c.person_id == person_id)
    return [_card(conn, ledger_id, row) for row in conn.execute(query.order_by(t.card.c.issued_s))]


def holders(conn: Connection, ledger_id: int, uid_hashes: Iterable[bytes]) -> dict[bytes, Holder]:
    """Return who holds each card that was issued, by the card's hash."""
    query = (
        select(
            t.card.c.uid_hash,
            t.card.c.person_id,
            t.person.c.account_id,
            t.card_state.c.from_s,
            t.card_state.c.state,
        )
        .join(
            t.person,
            (t.person.c.ledger_id == t.card.c.ledger_id) & (t.person.c.id == t.card.c.person_id),
        )
        .join(
            t.card_state,
            (t.card_state.c.ledger_id == t.card.c.ledger_id)
            & (t.card_state.c.card_id == t.card.c.id),
        )
        .where(t.card.c.ledger_id == ledger_id, t.card.c.uid_hash.in_(set(uid_hashes)))
        # Of two states from the same second the safer one, 'blocked', comes last and holds.
        .order_by(t.card_state.c.from_s, t.card_state.c.state)
    )
    found: dict[bytes, Holder] = {}
    for row in conn.execute(query):
        before = found.get(row.uid_hash)
        states = (*(before.states if before else ()), (row.from_s, row.state))
        found[row.uid_hash] = Holder(row.account_id, row.person_id, states)
    return found


def _free_number(conn: Connection, ledger_id: int) -> str:
    while True:
        number = numbers.draw()
        if not rows.exists(conn, t.card, ledger_id=ledger_id, number=number):
            return number


def _set_state(
    conn: Connection, ledger_id: int, card_id: int, state: str, decided_by: str, from_s: int
) -> None:
    conn.execute(
        insert(t.card_state).values(
            ledger_id=ledger_id,
            card_id=card_id,
            from_s=from_s,
            state=state,
            decided_by=decided_by,
        )
    )


def _one(conn: Connection, ledger_id: int, which: ColumnElement[bool]) -> Card:
    row = conn.execute(select(t.card).where(t.card.c.ledger_id == ledger_id, which)).one_or_none()
    if row is None:
        raise NotFound("There is no such card in this town.")
    return _card(conn, ledger_id, row)


def _card(conn: Connection, ledger_id: int, row: Row[Any]) -> Card:
    state = conn.scalars(
        select(t.card_state.c.state)
        .where(t.card_state.c.ledger_id == ledger_id, t.card_state.c.card_id == row.id)
        .order_by(t.card_state.c.from_s.desc(), t.card_state.c.state.desc())
        .limit(1)
    ).one()
    tier = _tier(conn, ledger_id, bytes(row.uid_hash))
    return Card(row.id, row.number, row.last4, row.person_id, state, tier)


def _tier(conn: Connection, ledger_id: int, uid_hash: bytes) -> str:
    proves = rows.exists(conn, secure_card, ledger_id=ledger_id, uid_hash=uid_hash)
    return SECURE if proves else PLAIN
