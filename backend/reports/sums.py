"""Counts, grams and credit of what was recorded, by what became of it: the work of no history.

`roll` adds records and last words to the sums of their days, a bounded number in one go and off the
posting path. A read takes whole days from the sums, what no sum holds yet by the records' own key,
and the two ends of its period, less than a day each, by their moment; so it is exact however far
behind the sums are.
"""

from collections import defaultdict
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, insert, select, update

from backend.ledger import runs
from backend.ledger.runs import Journal
from backend.ledger.tables import KEY as NAME
from backend.ledger.tables import quarantine, record, resolution
from backend.reports.tables import ALL, report_quarantined, report_run, report_sum, report_upto
from backend.towns import service as towns

DAY_S = 86_400
PAGE = 4_096
_SAME = [record.c[name] == resolution.c[name] for name in NAME]


class Word(NamedTuple):
    """What is summed together. `last` is "": what was said at first; `point_id` 0: nowhere."""

    kind: str
    outcome: str
    last: str
    fraction: str
    point_id: int


class Period(NamedTuple):
    """Moments (Unix) from `since_s` and before `until_s`; None: for ever."""

    since_s: int | None = None
    until_s: int | None = None

    def holds(self, moment: Any) -> list[Any]:
        """The conditions that a column of moments lies in it."""
        found = [] if self.since_s is None else [moment >= self.since_s]
        return found if self.until_s is None else [*found, moment < self.until_s]

    @property
    def empty(self) -> bool:
        return None not in self and self.since_s >= self.until_s  # type: ignore[operator]


class Sums(defaultdict[Word, list[int]]):
    """[count, grams, amount] by word."""

    def __init__(self) -> None:
        super().__init__(lambda: [0, 0, 0])

    def add(self, word: Word, n: int, net_g: int | None, amount: int | None) -> None:
        mine = self[word]
        # PostgreSQL's own sum of BIGINTs is a NUMERIC.
        for place, more in enumerate((n, net_g, amount)):
            mine[place] += int(more or 0)


def sums(conn: Connection, ledger_id: int, since_s: int = 0, until_s: int | None = None) -> Sums:
    """What was recorded of [since_s, until_s). `conn` sees one moment of the database."""
    found = Sums()
    days, ends = _parts(since_s, until_s)
    for each in ends:
        _add_said(conn, found, _said(ledger_id, each))
    if days.empty:
        return found
    row = report_sum.c
    query = select(report_sum).where(row.ledger_id == ledger_id)
    if days == Period():
        query = query.where(row.day == ALL)
    else:
        whole = Period(*(each if each is None else each // DAY_S for each in days))
        query = query.where(row.day != ALL, *whole.holds(row.day))
    for kept in conn.execute(query):
        found.add(_word(kept), kept.n, kept.net_g, kept.amount)
    for journal, first, last in list(runs.outside(conn, ledger_id, report_run)):
        query = _records(ledger_id, journal, first, last)
        # "+ 0": found by their key; by the index of moments each journal would walk all others too.
        _add_first(conn, found, query.where(*days.holds(record.c.effective_s + 0)).subquery())
    late = _late(ledger_id, _upto_us(conn, ledger_id)).subquery()
    for said in conn.execute(select(late).where(*days.holds(late.c.effective_s))):
        found.add(_word(said), 1, said.net_g, said.amount)
    return found


def roll(conn: Connection, ledger_id: int, limit: int = PAGE) -> bool:
    """Add at most `limit` records and as many last words to the sums; needs to write.

    Tells whether any was added, so that there may be more.
    """
    towns.lock(conn, ledger_id)  # two at a time would add the same twice
    found: dict[int, Sums] = defaultdict(Sums)
    late = _roll_late(conn, ledger_id, found, limit)
    taken: dict[Journal, list[int]] = defaultdict(list)
    for journal, first, last in list(runs.outside(conn, ledger_id, report_run)):
        query = _records(ledger_id, journal, first, last).order_by(record.c.seq).limit(limit)
        for each in conn.execute(query):
            taken[journal].append(each.seq)
            _note(found, each)
            limit -= 1
        if limit == 0:
            break
    for journal, seqs in taken.items():
        runs.note(conn, ledger_id, report_run, journal, seqs)
    for day, kept in found.items():
        for word, more in kept.items():
            _add_sum(conn, ledger_id, day, word, more)
    return bool(taken) or late


def quarantined(conn: Connection, ledger_id: int) -> int:
    """How many records were quarantined: up to the last look, and since."""
    return sum(_quarantined(conn, ledger_id)[:2])


def roll_quarantined(conn: Connection, ledger_id: int) -> None:
    """Note how many were quarantined up to now; needs to write."""
    towns.lock(conn, ledger_id)
    before, since, upto_us = _quarantined(conn, ledger_id)
    if since == 0:
        return
    row, values = report_quarantined.c, {"n": before + since, "upto_us": upto_us}
    moved = update(report_quarantined).where(row.ledger_id == ledger_id).values(values)
    if conn.execute(moved).rowcount == 0:
        conn.execute(insert(report_quarantined).values(ledger_id=ledger_id, **values))


def _quarantined(conn: Connection, ledger_id: int) -> tuple[int, int, int]:
    """(how many up to the last look, how many since, when the newest was quarantined)."""
    row, each = report_quarantined.c, quarantine.c
    kept = conn.execute(select(row.n, row.upto_us).where(row.ledger_id == ledger_id)).first()
    before, after_us = (0, 0) if kept is None else (kept.n, kept.upto_us)
    newest = select(func.count(), func.max(each.recorded_us)).where(
        each.ledger_id == ledger_id, each.recorded_us > after_us
    )
    since, upto_us = conn.execute(newest).one()
    return before, since, upto_us or after_us


def _parts(since_s: int, until_s: int | None) -> tuple[Period, list[Period]]:
    """The whole days of a period, and what is left of it before and after them."""
    if since_s <= 0 and until_s is None:
        return Period(), []
    first_s = -(-max(0, since_s) // DAY_S) * DAY_S
    end_s = None if until_s is None else until_s // DAY_S * DAY_S
    if end_s is not None and end_s <= first_s:
        return Period(0, 0), [Period(since_s, until_s)]
    ends = [Period(since_s, first_s), Period(end_s, until_s)]
    return Period(first_s, end_s), [each for each in ends if None not in each and not each.empty]


def _columns() -> list[Any]:
    row = record.c
    return [
        row.kind,
        row.outcome,
        func.coalesce(row.fraction, "").label("fraction"),
        func.coalesce(row.point_id, 0).label("point_id"),
    ]


def _records(ledger_id: int, journal: Journal, first: int, last: int | None) -> Select[Any]:
    row = record.c
    query = select(
        row.seq, row.effective_s, *_columns(), row.net_g, row.amount
    ).where(
        row.ledger_id == ledger_id,
        row.source_id == journal[0],
        row.epoch == journal[1],
        row.seq >= first,
    )  # fmt: skip
    return query if last is None else query.where(row.seq <= last)


def _add_first(conn: Connection, found: Sums, rows: Any) -> None:
    each = rows.c
    key = (each.kind, each.outcome, each.fraction, each.point_id)
    query = select(
        *key,
        func.count().label("n"),
        func.sum(each.net_g).label("net_g"),
        func.sum(each.amount).label("amount"),
    ).group_by(*key)
    for row in conn.execute(query):
        found.add(_word(row), row.n, row.net_g, row.amount)


def _said(ledger_id: int, period: Period) -> Any:
    """Records of a short period by their moment, each with its last word, found by its own key."""
    row = record.c

    def of_last(column: Any) -> Any:
        return select(column).where(*_SAME).correlate(record).scalar_subquery()

    return (
        select(
            *_columns(),
            row.net_g,
            row.amount,
            of_last(resolution.c.outcome).label("last"),
            of_last(resolution.c.amount).label("last_amount"),
        )
        .where(row.ledger_id == ledger_id, *period.holds(row.effective_s))
        .subquery()
    )


def _add_said(conn: Connection, found: Sums, rows: Any) -> None:
    each = rows.c
    key = (each.kind, each.outcome, each.fraction, each.point_id, each.last)
    query = select(
        *key,
        func.count().label("n"),
        *(func.sum(each[name]).label(name) for name in ("net_g", "amount", "last_amount")),
    ).group_by(*key)
    for row in conn.execute(query):
        found.add(_word(row)._replace(last=""), row.n, row.net_g, row.amount)
        if row.last is not None:
            found.add(_word(row), row.n, row.net_g, row.last_amount)


def _late(ledger_id: int, after_us: int) -> Select[Any]:
    """Last words by when they were said, each with its record, found by its own key."""
    last = resolution.c

    def of_record(column: Any) -> Any:
        return select(column).where(*_SAME).correlate(resolution).scalar_subquery()

    columns = [*_columns(), record.c.effective_s, record.c.net_g]
    return select(
        *(of_record(each).label(each.name) for each in columns),
        last.outcome.label("last"),
        last.amount,
        last.recorded_us,
    ).where(last.ledger_id == ledger_id, last.recorded_us > after_us)


def _roll_late(conn: Connection, ledger_id: int, found: dict[int, Sums], limit: int) -> bool:
    after_us, last = _upto_us(conn, ledger_id), resolution.c
    upto_us = runs.last_words_upto(conn, ledger_id, after_us, limit)
    if upto_us is None:
        return False
    for each in conn.execute(_late(ledger_id, after_us).where(last.recorded_us <= upto_us)):
        _note(found, each)
    runs.keep_upto(conn, report_upto, ledger_id, upto_us)
    return True


def _note(found: dict[int, Sums], row: Any) -> None:
    for day in (ALL, row.effective_s // DAY_S):
        found[day].add(_word(row), 1, row.net_g, row.amount)


def _word(row: Any) -> Word:
    last = getattr(row, "last", "") or ""
    return Word(row.kind, row.outcome, last, row.fraction, row.point_id)


def _upto_us(conn: Connection, ledger_id: int) -> int:
    row = report_upto.c
    return conn.scalar(select(row.resolved_us).where(row.ledger_id == ledger_id)) or 0


def _add_sum(conn: Connection, ledger_id: int, day: int, word: Word, more: list[int]) -> None:
    row, key = report_sum.c, {"ledger_id": ledger_id, "day": day, **word._asdict()}
    mine = [row[name] == value for name, value in key.items()]
    values = dict(zip(("n", "net_g", "amount"), more, strict=True))
    added = {name: row[name] + value for name, value in values.items()}
    if conn.execute(update(report_sum).where(*mine).values(added)).rowcount == 0:
        conn.execute(insert(report_sum).values(**key, **values))
