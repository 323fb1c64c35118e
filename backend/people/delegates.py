"""Who acts for whom: a holder names a person, what they may do, and until when.

A delegate signs in as themselves, with a card of their own; what they look at is in the holder's
log under the delegate's name.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from backend import rows
from backend.access.scopes import ROLES
from backend.errors import BadInput, NotFound
from backend.people import service as people
from backend.people import tables as t

DELEGATES_MOST = 10  # at once, for one holder


@dataclass(frozen=True, slots=True)
class Delegation:
    """`until_s` None: until the holder ends it. Seconds are Unix."""

    id: int
    holder_id: int
    delegate_id: int
    delegate: str
    scopes: tuple[str, ...]
    from_s: int
    until_s: int | None


def name_delegate(
    conn: Connection,
    ledger_id: int,
    *,
    holder_id: int,
    delegate_id: int,
    scopes: Collection[str],
    until_s: int | None,
    decided_by: str,
    now_s: int,
) -> Delegation:
    """Let one person act for another from now on. Raises BadInput, NotFound."""
    allowed = ROLES["delegate"]
    wrong = sorted(set(scopes) - allowed)
    if wrong or not scopes:
        raise BadInput(f"A delegate may be given: {', '.join(sorted(allowed))}; not {wrong}.")
    if holder_id == delegate_id:
        raise BadInput("Nobody is a delegate of their own.")
    if until_s is not None and until_s <= now_s:
        raise BadInput("This would end before it starts.")
    people.person(conn, ledger_id, holder_id)
    name = people.person(conn, ledger_id, delegate_id).name
    if len(of_holder(conn, ledger_id, holder_id, now_s=now_s)) >= DELEGATES_MOST:
        raise BadInput(f"Nobody has more than {DELEGATES_MOST} delegates; end one of them first.")
    given = tuple(sorted(set(scopes)))
    row = {
        "id": rows.next_id(conn, ledger_id, t.delegation.c.id),
        "holder_id": holder_id,
        "delegate_id": delegate_id,
        "from_s": now_s,
        "until_s": until_s,
    }
    conn.execute(
        insert(t.delegation).values(
            ledger_id=ledger_id, scopes=" ".join(given), decided_by=decided_by, **row
        )
    )
    return Delegation(delegate=name, scopes=given, **row)  # type: ignore[arg-type]  # of one row


def end(
    conn: Connection, ledger_id: int, *, holder_id: int, delegation_id: int, now_s: int
) -> None:
    """Raises NotFound."""
    row = t.delegation.c
    mine = (row.ledger_id == ledger_id, row.holder_id == holder_id, row.id == delegation_id)
    ending = update(t.delegation).where(*mine, row.ended_s.is_(None)).values(ended_s=now_s)
    if conn.execute(ending).rowcount == 0:
        raise NotFound("There is no such delegate.")


def of_holder(conn: Connection, ledger_id: int, holder_id: int, *, now_s: int) -> list[Delegation]:
    """Return who acts for a person now."""
    query = select(t.delegation).where(
        *_now(ledger_id, now_s), t.delegation.c.holder_id == holder_id
    )
    return [
        Delegation(
            row.id,
            row.holder_id,
            row.delegate_id,
            people.person(conn, ledger_id, row.delegate_id).name,
            tuple(row.scopes.split()),
            row.from_s,
            row.until_s,
        )
        for row in conn.execute(query.order_by(t.delegation.c.id))
    ]


def acts_for(
    conn: Connection, ledger_id: int, delegate_id: int, *, now_s: int
) -> dict[int, frozenset[str]]:
    """Return for whom a person may act now, and what."""
    query = select(t.delegation.c.holder_id, t.delegation.c.scopes).where(
        *_now(ledger_id, now_s), t.delegation.c.delegate_id == delegate_id
    )
    found: dict[int, frozenset[str]] = {}
    for row in conn.execute(query):
        found[row.holder_id] = found.get(row.holder_id, frozenset()) | set(row.scopes.split())
    return found


def _now(ledger_id: int, now_s: int) -> tuple[ColumnElement[bool], ...]:
    row = t.delegation.c
    return (
        row.ledger_id == ledger_id,
        row.ended_s.is_(None),
        or_(row.until_s.is_(None), row.until_s > now_s),
    )
