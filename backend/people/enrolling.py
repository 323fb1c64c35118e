"""Enrolling a whole list: people, their consents, their cards, and a slip for each new PIN.

Everything is checked before anybody is enrolled. Then a page of people is one transaction, and a
list that was broken off goes on where it stopped when it is applied again. Who was erased is not
brought back by an old list: only a consent of a later day does that. A PIN is on its slip
before its card is in the books: a slip may turn out to open nothing, but no card is left whose PIN
nobody knows. PINs are nowhere else.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from backend import tables as t
from backend.access.passwords import draw_pin, hash_pin
from backend.cards import service as cards
from backend.cards.service import NewCard
from backend.deposits import resolving
from backend.people import consents, lists
from backend.people import service as people
from backend.people import tables as own
from backend.people.lists import Entry, Mistake
from backend.people.service import Newcomer
from backend.privacy.tables import erasure
from backend.services import Services

PAGE = 100
HASHERS = 2  # threads: Argon2 lets go of the interpreter, and of 19 MiB each


@dataclass(frozen=True, slots=True)
class Slip:
    """What is printed for a person; `number` and `pin` open their pages."""

    person_id: int
    name: str
    household: str
    language: str
    number: str
    pin: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How many people and cards were new, and how many the town knew.

    `erased` are those who were erased and have not agreed anew since: they stay out.
    """

    people: int
    cards: int
    known: int
    claimed: int
    erased: int


def check(services: Services, entries: Sequence[Entry]) -> None:
    """Raises BadList for what the town's books cannot take."""
    with services.read() as conn:
        for page in _pages(entries):
            lists.refuse(list(_taken(conn, services, page)))


def enrol_list(
    services: Services,
    entries: Sequence[Entry],
    *,
    decided_by: str,
    keep_slips: Callable[[list[Slip]], None],
    progress: Callable[[int], None] = lambda _done: None,
) -> Enrolled:
    """Enrol everybody who is not there yet. Raises BadList; before it, nothing is changed.

    `keep_slips` is called inside each transaction: what it raises undoes the page.
    """
    check(services, entries)
    people_new = cards_new = claimed = erased = done = 0
    with ThreadPoolExecutor(HASHERS) as hashers:
        for whole in _pages(entries):
            with services.read() as conn:
                gone = _gone(conn, services, whole)
                held = _holders(conn, services, whole)
            page = [each for each in whole if each.key not in gone]
            erased += len(gone)
            done += len(whole)
            # Hashing is what takes the time: nobody who has their card waits for it again.
            pins = [draw_pin() if each.uid and each.uid not in held else "" for each in page]
            hashes = list(hashers.map(lambda pin: hash_pin(pin) if pin else "", pins))
            with services.begin() as conn:
                before = _known(conn, services, page)
                slips = _enrol_page(conn, services, page, pins, hashes, decided_by)
                if slips:
                    keep_slips(slips)
            people_new += len({each.key for each in page} - set(before))
            cards_new += len(slips)
            hashed = [services.vault.card_hash(each.uid) for each in page if each.uid]
            claimed += resolving.claim_for_cards(services, hashed, decided_by=decided_by)
            progress(done)
    known = len(entries) - people_new - erased
    return Enrolled(people_new, cards_new, known, claimed, erased)


def _enrol_page(
    conn: Connection,
    services: Services,
    page: Sequence[Entry],
    pins: Sequence[str],
    hashes: Sequence[str],
    decided_by: str,
) -> list[Slip]:
    known, holders = _known(conn, services, page), _holders(conn, services, page)
    ledger_id, now_s = services.ledger_id, services.now_s()
    known |= _enrol(conn, services, [each for each in page if each.key not in known], now_s)
    given = {known[each.key]: each.consent for each in page}
    consents.record_all(conn, ledger_id, given, taken_by=decided_by, now_s=now_s)
    todo = [
        (each, pin, NewCard(known[each.key], each.uid, pin_hash))
        for each, pin, pin_hash in zip(page, pins, hashes, strict=True)
        if each.uid is not None and each.uid not in holders and pin
    ]
    new = [card for _each, _pin, card in todo]
    made = cards.issue_all(
        conn, services.vault, ledger_id, new, decided_by=decided_by, from_s=now_s
    )
    return [
        Slip(card.person_id, each.name, each.household, each.language, card.number, pin)
        for (each, pin, _new), card in zip(todo, made, strict=True)
    ]


def _enrol(
    conn: Connection, services: Services, new: Sequence[Entry], now_s: int
) -> dict[str, int]:
    """Enrol people and note that a list has brought them; return their ids by entry's key."""
    if not new:
        return {}
    ledger_id = services.ledger_id
    newcomers = [Newcomer(each.name, each.household, each.language) for each in new]
    made = people.enrol_all(conn, ledger_id, newcomers, now_s=now_s)
    brought = {
        lists.row_hash(services.vault, ledger_id, each.key): person.id
        for each, person in zip(new, made, strict=True)
    }
    row = own.enrolled_row.c
    before = (row.ledger_id == ledger_id, row.row_hash.in_(brought))
    conn.execute(delete(own.enrolled_row).where(*before))
    conn.execute(
        insert(own.enrolled_row),
        [
            {"ledger_id": ledger_id, "row_hash": digest, "person_id": person_id}
            for digest, person_id in brought.items()
        ],
    )
    return {each.key: person.id for each, person in zip(new, made, strict=True)}


def _known(conn: Connection, services: Services, page: Sequence[Entry]) -> dict[str, int]:
    """Return the people whom a list has brought before and who are there, by entry's key."""
    return {
        key: row.person_id
        for key, row in _brought(conn, services, page).items()
        if row.erased_s is None
    }


def _gone(conn: Connection, services: Services, page: Sequence[Entry]) -> set[str]:
    """Return the keys of those who were erased, unless they have agreed anew since."""
    brought = _brought(conn, services, page)
    return {
        each.key
        for each in page
        if (row := brought.get(each.key)) is not None
        and row.erased_s is not None
        and each.consent.given_s <= row.erased_s
    }


def _brought(conn: Connection, services: Services, page: Sequence[Entry]) -> dict[str, Any]:
    vault, ledger_id = services.vault, services.ledger_id
    keys = {lists.row_hash(vault, ledger_id, each.key): each.key for each in page}
    row, gone = own.enrolled_row.c, erasure.c
    same = (gone.ledger_id == row.ledger_id) & (gone.person_id == row.person_id)
    query = (
        select(row.row_hash, row.person_id, gone.erased_s)
        .select_from(own.enrolled_row.outerjoin(erasure, same))
        .where(row.ledger_id == ledger_id, row.row_hash.in_(keys))
    )
    return {keys[bytes(each.row_hash)]: each for each in conn.execute(query)}


def _holders(conn: Connection, services: Services, page: Sequence[Entry]) -> dict[bytes, int]:
    """Return who holds which of the cards already, by UID."""
    uids = {services.vault.card_hash(each.uid): each.uid for each in page if each.uid}
    row = t.card.c
    query = select(row.uid_hash, row.person_id).where(
        row.ledger_id == services.ledger_id, row.uid_hash.in_(uids)
    )
    return {uids[each.uid_hash]: each.person_id for each in conn.execute(query)}


def _taken(conn: Connection, services: Services, page: Sequence[Entry]) -> Iterator[Mistake]:
    known, holders = _known(conn, services, page), _holders(conn, services, page)
    for each in page:
        holder = holders.get(each.uid) if each.uid else None
        if holder is not None and holder != known.get(each.key):
            words = "This card was issued to somebody else."
            yield Mistake(each.line, "uid", words, "Take another card, or read this one again.")


def _pages(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while page := list(islice(rest, PAGE)):
        yield page
