"""A card in place of another, and a PIN in place of one that was forgotten.

A card only points at a person, and the money is the person's: swapping blocks the old card and
issues the new one in one transaction, from the same second on. What was brought with the old card
until then still goes to its holder, however late it comes; what is brought with it afterwards
waits for a person's decision.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from backend import tables as t
from backend.access import signing_in
from backend.access.passwords import hash_pin
from backend.cards import service as cards
from backend.cards import tables as own
from backend.cards.service import ACTIVE, Card
from backend.errors import Conflict, NotFound
from backend.services import Services
from backend.vault import Vault


@dataclass(frozen=True, slots=True)
class Swapped:
    old: Card
    new: Card


def swap(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    number: str,
    *,
    uid: bytes,
    pin: str,
    decided_by: str,
    from_s: int,
) -> Swapped:
    """Put a new card in the place of one, lost or worn. Raises what `cards.issue` raises.

    Conflict for a card that was swapped before.
    """
    old = cards.by_number(conn, ledger_id, number)
    successor = _successor(conn, ledger_id, old.id)
    if successor is not None:
        raise Conflict(f"Card {old.number} was swapped before, for card {successor}.")
    new = cards.issue(
        conn,
        vault,
        ledger_id,
        person_id=old.person_id,
        uid=uid,
        pin=pin,
        decided_by=decided_by,
        from_s=from_s,
    )
    blocked = cards.block(conn, ledger_id, old.number, decided_by=decided_by, from_s=from_s)
    conn.execute(
        insert(own.card_swap).values(
            ledger_id=ledger_id,
            old_card_id=old.id,
            new_card_id=new.id,
            swapped_s=from_s,
            decided_by=decided_by,
        )
    )
    return Swapped(blocked, new)


def lost_card(conn: Connection, ledger_id: int, person_id: int) -> Card:
    """Return the one card of a person that could be the lost one. Raises NotFound, Conflict."""
    found = cards.of_person(conn, ledger_id, person_id)
    swapped = {each.id for each in found if _successor(conn, ledger_id, each.id)}
    active = [each for each in found if each.state == ACTIVE]
    left = active or [each for each in found if each.id not in swapped]
    if not left:
        raise NotFound("This person has no card to replace. Issue one.")
    if len(left) > 1:
        numbers = ", ".join(each.number for each in left)
        raise Conflict(f"There are {len(left)} cards: {numbers}. Say which one is lost.")
    return left[0]


def set_pin(services: Services, number: str, pin: str) -> Card:
    """Give a card a new PIN; whoever was signed in with the old one is signed out.

    Wrong tries start anew, as they are counted against the PIN. Raises BadPin, NotFound.
    """
    pin_hash = hash_pin(pin)
    ledger_id = services.ledger_id
    with services.begin() as conn:
        card = cards.by_number(conn, ledger_id, number)
        mine = (t.card.c.ledger_id == ledger_id, t.card.c.id == card.id)
        conn.execute(update(t.card).where(*mine).values(pin_hash=pin_hash))
    services.sessions.close_all(ledger_id, "resident", card.person_id)
    return card


def change_pin(
    services: Services, number: str, old_pin: str, pin: str, place: signing_in.From
) -> Card:
    """The same by the holder, who knows the old one. Raises BadLogin, LockedOut, BadPin."""
    hash_pin(pin)  # refuses a bad one before a try is counted
    signing_in.check_pin(services, number, old_pin, place)
    return set_pin(services, number, pin)


def _successor(conn: Connection, ledger_id: int, card_id: int) -> str | None:
    row, new = own.card_swap.c, t.card.c
    return conn.scalar(
        select(new.number)
        .join(own.card_swap, (row.ledger_id == new.ledger_id) & (row.new_card_id == new.id))
        .where(row.ledger_id == ledger_id, row.old_card_id == card_id)
    )
