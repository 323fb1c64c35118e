"""Sign-ins that last, and wrong tries that are counted, in a database of their own.

A session is a random token of which only the SHA-256 is kept. What a try counts against is said
by `tries`; whoever has used up a limit waits until its window is over, also with the right secret.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from backend import db
from backend.access import tables as t
from backend.access.tries import DAY_S, Count
from backend.errors import LockedOut

BUCKETS = 2**20  # at about 50 bytes each the counts never take more than some 50 MB
TOKEN_BYTES = 32
_FIRST_TRY = text(
    "INSERT INTO wrong_try (name_hash, n, first_s) VALUES (:name, 0, :now_s) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Session:
    """`subject_id` is a staff member's or a person's id, by `kind` (staff or resident)."""

    ledger_id: int
    kind: str
    subject_id: int
    expires_s: int


class Sessions:
    """The store of sign-ins, on an engine of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        t.sign_ins.create_all(engine)

    def close_engine(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def open(self, ledger_id: int, kind: str, subject_id: int, now_s: int, hours: int) -> str:
        """Start a session and return its token, which is shown this once."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with db.begin(self._engine) as conn:
            conn.execute(delete(t.session).where(t.session.c.expires_s <= now_s))
            conn.execute(
                insert(t.session).values(
                    token_hash=_hash(token),
                    ledger_id=ledger_id,
                    kind=kind,
                    subject_id=subject_id,
                    created_s=now_s,
                    expires_s=now_s + hours * 3600,
                )
            )
        return token

    def find(self, token: str, now_s: int) -> Session | None:
        query = select(t.session).where(t.session.c.token_hash == _hash(token))
        with db.read(self._engine) as conn:
            row = conn.execute(query).one_or_none()
        if row is None or row.expires_s <= now_s:
            return None
        return Session(row.ledger_id, row.kind, row.subject_id, row.expires_s)

    def close(self, token: str) -> None:
        with db.begin(self._engine) as conn:
            conn.execute(delete(t.session).where(t.session.c.token_hash == _hash(token)))

    def close_all(self, ledger_id: int, kind: str, subject_id: int) -> None:
        """End every session of somebody whose secret changed or who left."""
        with db.begin(self._engine) as conn:
            conn.execute(
                delete(t.session).where(
                    t.session.c.ledger_id == ledger_id,
                    t.session.c.kind == kind,
                    t.session.c.subject_id == subject_id,
                )
            )

    def of(self, ledger_id: int, kind: str, subject_id: int) -> list[dict[str, int]]:
        """Return when somebody's sessions began and end, for what is told of them."""
        row = t.session.c
        query = select(row.created_s, row.expires_s).where(
            row.ledger_id == ledger_id, row.kind == kind, row.subject_id == subject_id
        )
        with db.read(self._engine) as conn:
            return [dict(each._mapping) for each in conn.execute(query.order_by(row.created_s))]

    def forget(self, before_s: int) -> int:
        """Drop sessions and wrong tries that were over by then; return how many."""
        with db.begin(self._engine) as conn:
            ended = delete(t.session).where(t.session.c.expires_s < before_s)
            tries = delete(t.wrong_try).where(t.wrong_try.c.first_s < before_s - DAY_S)
            return conn.execute(ended).rowcount + conn.execute(tries).rowcount

    @contextmanager
    def one_try(self, counts: Sequence[Count], now_s: int) -> Iterator[None]:
        """Count a try against each count before the secret is looked at.

        Counting first means that many tries at once cannot slip past a limit together. When the
        body ends well what is forgiven starts anew and the others get this one try back, so that
        a good card does not wash an address clean. Raises LockedOut at the first that is locked.
        """
        with db.begin(self._engine) as conn:
            wait_s = next((wait for each in counts if (wait := _count(conn, each, now_s))), 0)
        if wait_s:
            minutes = -(-wait_s // 60)
            raise LockedOut(f"Too many wrong tries. Wait {minutes} minutes.", wait_s)
        yield
        tries = t.wrong_try
        with db.begin(self._engine) as conn:
            for each in counts:
                mine = tries.c.name_hash == bucket(each.name)
                back = update(tries).where(mine, tries.c.n > 0).values(n=tries.c.n - 1)
                conn.execute(delete(tries).where(mine) if each.forgiven else back)


def bucket(name: str) -> str:
    """Return where a keyed name is counted: one of BUCKETS places, however many are made up.

    Two names share a place about never; then they share their count.
    """
    return f"{int(name[:16], 16) % BUCKETS:05x}"


def _count(conn: Connection, asked: Count, now_s: int) -> int:
    """Add a try; return 0, or the seconds until the name is free again."""
    tries, row, name = t.wrong_try, None, bucket(asked.name)
    while row is None:
        # Two may come at once, to two processes: the second waits here and counts after the first.
        conn.execute(_FIRST_TRY, {"name": name, "now_s": now_s})
        row = conn.execute(
            select(tries).where(tries.c.name_hash == name).with_for_update()
        ).one_or_none()
    first_s, n = row.first_s, row.n
    if first_s + asked.window_s <= now_s:
        first_s, n = now_s, 0
    if n >= asked.limit:
        return int(first_s + asked.window_s - now_s)
    values = {"n": n + 1, "first_s": first_s}
    conn.execute(update(tries).where(tries.c.name_hash == name).values(values))
    return 0


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
