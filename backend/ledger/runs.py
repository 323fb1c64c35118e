"""Which numbers of a journal are in the books: runs without a gap, kept so that a look is short.

What is kept may be behind; a look reads the records in the gaps that were known and after the
last run, through the records' own key, at most `LOOK` of them. Last words, which come later than
their records, are followed by their moment instead.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, insert, select, update

from backend.ledger import tables as t

LOOK = 20_000
# Runs that are kept of one journal; a journal with more is looked at anew from there on.
KEPT = 1_000

Run = tuple[int, int]
Journal = tuple[int, int]  # source, epoch


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


def outside(
    conn: Connection, ledger_id: int, table: Table
) -> Iterator[tuple[Journal, int, int | None]]:
    """Yield (journal, first, last) of all numbers that no run of `table` holds, if there are any.

    What lies in sums is told by such runs: a deposit has no place in one order of all journals.
    """
    row = table.c
    kept: dict[Journal, list[Run]] = defaultdict(list)
    ordered = select(row.source_id, row.epoch, row.first_seq, row.last_seq).order_by(row.first_seq)
    for source_id, epoch, first, last in conn.execute(ordered.where(row.ledger_id == ledger_id)):
        kept[source_id, epoch].append((first, last))
    for source_id, epoch, highest in conn.execute(_journals(ledger_id)).all():
        summed = kept[source_id, epoch]
        for first, last in gaps(summed):
            yield (source_id, epoch), first, last
        after = summed[-1][1] + 1 if summed else 0
        if highest >= after:
            yield (source_id, epoch), after, None


def _journals(ledger_id: int) -> Select[Any]:
    """(source_id, epoch, highest seq) of every journal, leaping from one to the next by index."""
    row = t.record.c

    def one(found: Any, *which: Any) -> Any:
        return select(found).where(row.ledger_id == ledger_id, *which).scalar_subquery()

    first = select(one(func.min(row.source_id)).label("id"))
    source = first.cte("source", recursive=True)
    source = source.union_all(
        select(one(func.min(row.source_id), row.source_id > source.c.id)).where(
            source.c.id.is_not(None)
        )
    )
    mine = row.source_id == source.c.id
    begun = select(source.c.id, one(func.min(row.epoch), mine).label("epoch"))
    journal = begun.where(source.c.id.is_not(None)).cte("journal", recursive=True)
    mine = row.source_id == journal.c.id
    journal = journal.union_all(
        select(journal.c.id, one(func.min(row.epoch), mine, row.epoch > journal.c.epoch)).where(
            journal.c.epoch.is_not(None)
        )
    )
    highest = one(func.max(row.seq), row.source_id == journal.c.id, row.epoch == journal.c.epoch)
    return select(journal.c.id, journal.c.epoch, highest).where(journal.c.epoch.is_not(None))


def note(conn: Connection, ledger_id: int, table: Table, journal: Journal, seqs: list[int]) -> None:
    """Add numbers of a journal to the runs of `table`."""
    row = table.c
    mine = (row.ledger_id == ledger_id, row.source_id == journal[0], row.epoch == journal[1])
    kept = [tuple(each) for each in conn.execute(select(row.first_seq, row.last_seq).where(*mine))]
    conn.execute(delete(table).where(*mine))
    name = {"ledger_id": ledger_id, "source_id": journal[0], "epoch": journal[1]}
    made = merged(kept, seqs)
    conn.execute(
        insert(table), [{**name, "first_seq": a, "last_seq": b} for a, b in made]
    )  # fmt: skip


def last_words_upto(conn: Connection, ledger_id: int, after_us: int, limit: int) -> int | None:
    """When the newest of the next `limit` last words after a moment was said; None if none was.

    What this sees is all there will ever be up to then: recorded time only grows.
    """
    last = t.resolution.c
    page = select(last.recorded_us).where(last.ledger_id == ledger_id, last.recorded_us > after_us)
    newest = page.order_by(last.recorded_us).limit(limit).subquery()
    upto_us: int | None = conn.scalar(select(func.max(newest.c.recorded_us)))
    return upto_us


def keep_upto(conn: Connection, table: Table, ledger_id: int, upto_us: int) -> None:
    """Note in a town's row of `table` up to when its last words are in the sums."""
    moved = update(table).where(table.c.ledger_id == ledger_id)
    if conn.execute(moved.values(resolved_us=upto_us)).rowcount == 0:
        conn.execute(insert(table).values(ledger_id=ledger_id, resolved_us=upto_us))
