"""What people have agreed to: which version of the town's words, when, and how. Added to only."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from backend import rows
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
    check(given, now_s=now_s)
    row: dict[str, int | str] = {"ledger_id": ledger_id, "person_id": person_id}
    row |= {"given_s": given.given_s, "version": given.version}
    if not rows.exists(conn, t.consent, **row):
        conn.execute(insert(t.consent).values(**row, how=given.how, taken_by=taken_by))


def of_person(conn: Connection, ledger_id: int, person_id: int) -> list[Consent]:
    """Return a person's consents, the newest first."""
    row = t.consent.c
    query = select(t.consent).where(row.ledger_id == ledger_id, row.person_id == person_id)
    return [
        Consent(each.version, each.given_s, each.how)
        for each in conn.execute(query.order_by(row.given_s.desc(), row.version.desc()))
    ]
