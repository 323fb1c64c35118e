"""Issuing and blocking cards, and finding whose card was used at a moment.

A card is the keyed hash of its UID. What was deposited with a card before it was issued waits
in suspense under that hash, and is claimed when the card gets its holder.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Row, insert, select

from backend import rows
from backend import tables as t
from backend.access.passwords import hash_pin
from backend.cards import numbers
from backend.cards.tables import secure_card
from backend.errors import BadInput, NotFound, Taken
from backend.people import service as people
from backend.vault import Vault

UID_BYTES = (4, 7, 10)  # ISO/IEC 14443-3: single, double and triple size
ACTIVE, BLOCKED = "active", "blocked"
PLAIN, SECURE = "plain", "secure"
T = TypeVar("T")


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


class NewCard(NamedTuple):
    """A card for somebody, with a PIN that was hashed before the transaction: that takes long."""

    person_id: int
    uid: bytes
    pin_hash: str


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
    new = NewCard(person_id, uid, hash_pin(pin))
    return issue_all(conn, vault, ledger_id, [new], decided_by=decided_by, from_s=from_s)[0]


def issue_all(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    new: Sequence[NewCard],
    *,
    decided_by: str,
    from_s: int,
) -> list[Card]:
    """The same for many, in a few statements. Raises BadInput, NotFound, Taken."""
    if not new:
        return []
    if any(len(each.uid) not in UID_BYTES for each in new):
        raise BadInput("A card's UID has 4, 7 or 10 bytes.")
    for person_id in {each.person_id for each in new}:
        people.require_there(conn, ledger_id, person_id)
    hashes = [vault.card_hash(each.uid) for each in new]
    if len(set(hashes)) < len(hashes) or _among(conn, t.card.c.uid_hash, ledger_id, hashes):
        raise Taken("This card was issued before.")
    proving = _among(conn, secure_card.c.uid_hash, ledger_id, hashes)
    made = [
        Card(rows.random_id(), number, each.uid.hex()[-4:].upper(), each.person_id, ACTIVE,
             SECURE if uid_hash in proving else PLAIN)
        for each, uid_hash, number in zip(
            new, hashes, _free_numbers(conn, ledger_id, len(new)), strict=True
        )
    ]  # fmt: skip
    town = {"ledger_id": ledger_id}
    issued = [
        {"id": card.id, "number": card.number, "last4": card.last4, "person_id": card.person_id}
        | {"uid_hash": uid_hash, "pin_hash": each.pin_hash, "issued_s": from_s}
        for each, uid_hash, card in zip(new, hashes, made, strict=True)
    ]
    conn.execute(insert(t.card), [town | each for each in issued])
    state = town | {"from_s": from_s, "state": ACTIVE, "decided_by": decided_by}
    conn.execute(insert(t.card_state), [state | {"card_id": card.id} for card in made])
    return made


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


def _free_numbers(conn: Connection, ledger_id: int, count: int) -> list[str]:
    free: list[str] = []
    while len(free) < count:
        drawn = {numbers.draw() for _ in range(count - len(free))}
        free += drawn.difference(free, _among(conn, t.card.c.number, ledger_id, drawn))
    return free


def _among(conn: Connection, column: Column[T], ledger_id: int, asked: Iterable[T]) -> set[T]:
    """Which of these values the town has in a column."""
    query = select(column).where(column.table.c.ledger_id == ledger_id, column.in_(asked))
    return set(conn.scalars(query))


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
