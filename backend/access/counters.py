"""Counters' machines: each has a key of its own, so that one that is stolen is turned off alone.

A key names a place, never a person: it finds whose card lies on the reader, and whoever stands at
the counter signs in to do anything with it.
"""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, insert, select, update

from backend import rows
from backend.access import tables as t
from backend.access.audit import Actor
from backend.access.service import draw_key, owner_of_key
from backend.errors import BadCounterKey, NotFound


@dataclass(frozen=True, slots=True)
class Counter:
    ledger_id: int
    id: int
    name: str

    @property
    def actor(self) -> Actor:
        return Actor("counter", self.id, "counter")


@dataclass(frozen=True, slots=True)
class CounterKey:
    """`key` is shown this once."""

    id: int
    name: str
    key: str


def create_counter(conn: Connection, ledger_id: int, name: str, *, now_s: int) -> CounterKey:
    """Raises Taken."""
    taken = f"There is a counter called {name} already."
    rows.require_free(conn, t.counter, taken, ledger_id=ledger_id, name=name)
    prefix, key = draw_key()
    counter_id = rows.next_id(conn, ledger_id, t.counter.c.id)
    conn.execute(
        insert(t.counter).values(
            ledger_id=ledger_id,
            id=counter_id,
            name=name,
            key_prefix=prefix,
            key_hash=sha256(key.encode()).digest(),
            created_s=now_s,
        )
    )
    return CounterKey(counter_id, name, key)


def revoke_counter(conn: Connection, ledger_id: int, counter_id: int, *, now_s: int) -> None:
    """Raises NotFound."""
    mine = (t.counter.c.ledger_id == ledger_id, t.counter.c.id == counter_id)
    if conn.execute(update(t.counter).where(*mine).values(revoked_s=now_s)).rowcount == 0:
        raise NotFound("There is no such counter.")


def counters(conn: Connection, ledger_id: int) -> list[Counter]:
    """Return those whose key works."""
    row = t.counter.c
    query = select(t.counter).where(row.ledger_id == ledger_id, row.revoked_s.is_(None))
    return [Counter(ledger_id, each.id, each.name) for each in conn.execute(query.order_by(row.id))]


def counter_of(conn: Connection, ledger_id: int, key: str) -> Counter:
    """Raises BadCounterKey."""
    row = owner_of_key(conn, t.counter, ledger_id, key)
    if row is None:
        raise BadCounterKey("This key belongs to no counter of this town.")
    return Counter(ledger_id, row.id, row.name)
