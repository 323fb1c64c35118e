"""Which numbers of a journal are in the books: runs without a gap, kept so that a look is short.

What is kept may be behind; a look reads the records in the gaps that were known and after the
last run, through the records' own key, at most `LOOK` of them.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from sqlalchemy import Connection, delete, insert, select

from backend.ledger import tables as t

LOOK = 20_000
# Runs that are kept of one journal; a journal with more is looked at anew from there on.
KEPT = 1_000

Run = tuple[int, int]


def runs(
    conn: Connection, ledger_id: int, source_id: int, epoch: int, look: int = LOOK
) -> tuple[list[Run], bool]:
    """The journal's runs (first, last) in order, and whether `look` records were enough."""
    row = t.journal_run.c
    kept = [
        (each.first_seq, each.last_seq)
        for each in conn.execute(
            select(row.first_seq, row.last_seq)
            .where(row.ledger_id == ledger_id, row.source_id == source_id, row.epoch == epoch)
            .order_by(row.first_seq)
        )
    ]
    found: list[int] = []
    for first, last in [*gaps(kept), (kept[-1][1] + 1 if kept else 0, None)]:
        if len(found) >= look:
            return merged(kept, found), False
        found += _between(conn, ledger_id, (source_id, epoch), first, last, look - len(found))
    return merged(kept, found), len(found) < look


def gaps(found: Sequence[Run]) -> list[Run]:
    """The numbers (first, last) that are missing before and between runs; numbers start at 0."""
    return [
        (before + 1, first - 1)
        for (_, before), (first, _) in pairwise([(0, -1), *found])
        if first > before + 1
    ]


def merged(kept: Iterable[Run], found: Iterable[int]) -> list[Run]:
    """Runs and single numbers as the fewest runs, in order."""
    made: list[Run] = []
    for first, last in sorted([*kept, *((seq, seq) for seq in found)]):
        if made and first <= made[-1][1] + 1:
            made[-1] = (made[-1][0], max(last, made[-1][1]))
        else:
            made.append((first, last))
    return made


def keep(conn: Connection, ledger_id: int, source_id: int, epoch: int, look: int = LOOK) -> bool:
    """Look, and keep what was found; tells whether there is more. Needs to write."""
    found, complete = runs(conn, ledger_id, source_id, epoch, look)
    row = t.journal_run.c
    conn.execute(
        delete(t.journal_run).where(
            row.ledger_id == ledger_id, row.source_id == source_id, row.epoch == epoch
        )
    )
    name = {"ledger_id": ledger_id, "source_id": source_id, "epoch": epoch}
    rows = [{**name, "first_seq": first, "last_seq": last} for first, last in found[:KEPT]]
    if rows:
        conn.execute(insert(t.journal_run), rows)
    return not complete


def _between(
    conn: Connection,
    ledger_id: int,
    journal: tuple[int, int],
    first: int,
    last: int | None,
    limit: int,
) -> list[int]:
    row = t.record.c
    query = (
        select(row.seq)
        .where(
            row.ledger_id == ledger_id,
            row.source_id == journal[0],
            row.epoch == journal[1],
            row.seq >= first,
        )
        .order_by(row.seq)
        .limit(limit)
    )
    return list(conn.scalars(query if last is None else query.where(row.seq <= last)))
