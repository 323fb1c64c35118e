"""A client's own name for a request: its answer is kept, given again, and forgotten in time.

The answer lies in the transaction of its transfers: the group that was booked, or the refusal
that the books decided. Forgetting goes through the keys in their own order, a page at a time: no
index on time is kept for it while posting, and no run takes longer because more is kept.
"""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import Connection, delete, select, tuple_

from backend.ledger import tables as t
from backend.ledger.errors import KeyReused, LedgerError, Refused
from backend.ledger.transfers import Idempotency, Posted

if TYPE_CHECKING:
    from backend.ledger.booking import Books

KEPT_DAYS = 30
KEPT_US = KEPT_DAYS * 86_400_000_000
PAGE = 1_000

Place = tuple[str, str]
START: Place = ("", "")
_Answer = TypeVar("_Answer", bound=Posted)


class Replay(NamedTuple):
    """What was answered under an idempotency key."""

    fingerprint: bytes
    answer: Posted | Refused


def replayed(books: "Books", asked: Idempotency | None, kind: type[_Answer]) -> _Answer | None:
    """What was booked under the key before, if anything.

    Raises KeyReused for another request, and the refusal that was kept.
    """
    replay = books.replays.get((asked.client, asked.key)) if asked is not None else None
    if asked is None or replay is None:
        return None
    if replay.fingerprint == asked.fingerprint:
        if isinstance(replay.answer, Refused):
            raise replay.answer
        if isinstance(replay.answer, kind):
            return replace(replay.answer, replayed=True)
    raise KeyReused("This idempotency key was used before, with another request.")


def remember(books: "Books", asked: Idempotency | None, posted: Posted) -> None:
    """Writes the key in the transaction of its transfers, for a repeat to find."""
    if asked is not None:
        _keep(books, asked, posted, (posted.group_id, posted.recorded_us, None))


def remember_refusal(books: "Books", request: Any, error: LedgerError) -> None:
    """The same for a request with a key that the books refused, unless the key was known."""
    asked = getattr(request, "idempotency", None)
    if asked is None or not isinstance(error, Refused) or not error.sticky:
        return
    if (asked.client, asked.key) not in books.replays:
        kept = json.dumps({"code": error.code, "words": str(error), "facts": error.facts})
        _keep(books, asked, error, (None, books.tick(), kept))


def _keep(
    books: "Books",
    asked: Idempotency,
    answer: Posted | Refused,
    columns: tuple[int | None, int, str | None],
) -> None:
    books.sheet.idempotency.append(
        (books.ledger_id, asked.client, asked.key, asked.fingerprint, *columns)
    )
    books.replays[asked.client, asked.key] = Replay(asked.fingerprint, answer)


def forget(
    conn: Connection, ledger_id: int, after: Place = START, limit: int = PAGE
) -> tuple[int, Place]:
    """Forget the expired among the next `limit` keys after a place, by the books' own clock.

    A machine's clock that leaps is refused by the books, and so no key is forgotten by it.
    Returns how many were forgotten and the place to go on from, `START` after the last key.
    Needs a write transaction; the books' lock is not needed, since nobody else changes old rows.
    """
    row, head = t.idempotency.c, t.ledger_head.c
    now_us = conn.scalar(select(head.clock_us).where(head.ledger_id == ledger_id)) or 0
    page = conn.execute(
        select(row.client, row.key, row.recorded_us)
        .where(row.ledger_id == ledger_id, tuple_(row.client, row.key) > after)
        .order_by(row.client, row.key)
        .limit(limit)
    ).all()
    expired = [(each.client, each.key) for each in page if each.recorded_us <= now_us - KEPT_US]
    if expired:
        names = tuple_(row.client, row.key)
        conn.execute(delete(t.idempotency).where(row.ledger_id == ledger_id, names.in_(expired)))
    place = (page[-1].client, page[-1].key) if len(page) == limit else START
    return len(expired), place
