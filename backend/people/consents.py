"""What people have agreed to: which version of the town's words, when, and how. Added to only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from backend.errors import BadInput
from backend.people import tables as t
from backend.people.tables import HOW

VERSION_CHARS = 32


@dataclass(frozen=True, slots=True)
class Consent:
    """`given_s` is Unix; `how`: on paper, spoken before staff, or online."""

    version: str
    given_s: int
    how: str


def check(given: Consent, *, now_s: int) -> None:
    """Raises BadInput in words that name the cure."""
    if not 0 < len(given.version) <= VERSION_CHARS:
        raise BadInput("Say which version of the words was agreed to, like 2026-1.")
    if given.how not in HOW:
        raise BadInput(f"Consent is given in one of these ways: {', '.join(HOW)}.")
    if not 0 <= given.given_s <= now_s:
        raise BadInput("Consent was given before now; correct the date.")


def record(
    conn: Connection, ledger_id: int, person_id: int, given: Consent, *, taken_by: str, now_s: int
) -> None:
    """Note a consent, once however often it is told. Raises BadInput."""
    record_all(conn, ledger_id, {person_id: given}, taken_by=taken_by, now_s=now_s)


def record_all(
    conn: Connection, ledger_id: int, given: Mapping[int, Consent], *, taken_by: str, now_s: int
) -> None:
    """The same for many people, by their ids, in two statements. Raises BadInput."""
    for each in given.values():
        check(each, now_s=now_s)
    row = t.consent.c
    query = select(row.person_id, row.given_s, row.version)
    query = query.where(row.ledger_id == ledger_id, row.person_id.in_(given))
    told = {tuple(each) for each in conn.execute(query)}
    more = [
        {"ledger_id": ledger_id, "person_id": person_id, "taken_by": taken_by} | asdict(each)
        for person_id, each in given.items()
        if (person_id, each.given_s, each.version) not in told
    ]
    if more:
        conn.execute(insert(t.consent), more)


def of_person(conn: Connection, ledger_id: int, person_id: int) -> list[Consent]:
    """Return a person's consents, the newest first."""
    row = t.consent.c
    query = select(t.consent).where(row.ledger_id == ledger_id, row.person_id == person_id)
    return [
        Consent(each.version, each.given_s, each.how)
        for each in conn.execute(query.order_by(row.given_s.desc(), row.version.desc()))
    ]
