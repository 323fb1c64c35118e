"""What sorting has saved: each deposit at what a tonne of its fraction cost at its own moment.

Grams are summed by the cost that counts for them. `roll` moves deposits into these sums, a
bounded number in one go and off the posting path. A deposit has no place in one order of all
journals that an index knows, so what the sums hold is told by the runs of each journal's numbers;
a deposit that was held is in them once its last word is, and those are in the order of recorded
time. A read sums what no sum holds yet, so it is exact however far behind the sums are.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, delete, func, insert, select, update

from backend import rows
from backend.budgets.tables import avoided_run, avoided_sum, avoided_upto, disposal_cost
from backend.errors import BadInput, UnknownFraction
from backend.ledger import runs
from backend.ledger.runs import Journal
from backend.ledger.tables import KEY, record, resolution
from backend.reports.service import HELD, PAID
from backend.towns import service as towns
from firmware import contract

GRAMS_PER_TONNE = 1_000_000
DEAREST_TONNE = 10**12
PAGE = 4_096
_NO_COST = -1


@dataclass(frozen=True, slots=True)
class DisposalCost:
    """A decision: from `from_s` on, a tonne of the fraction saves so much."""

    fraction: str
    from_s: int
    amount_per_tonne: int
    decided_by: str


def set_disposal_cost(conn: Connection, ledger_id: int, asked: DisposalCost) -> None:
    """Say what a tonne of a fraction saves from a moment on. Raises UnknownFraction, BadInput."""
    if asked.fraction not in contract.FRACTIONS:
        names = ", ".join(contract.FRACTIONS)
        raise UnknownFraction(f"There is no fraction {asked.fraction}. Choose among: {names}.")
    if not 0 <= asked.amount_per_tonne <= DEAREST_TONNE:
        raise BadInput(f"A cost per tonne is 0 to {DEAREST_TONNE} minor units.")
    key = {"ledger_id": ledger_id, "fraction": asked.fraction, "from_s": asked.from_s}
    rows.require_free(conn, disposal_cost, "A cost was set for that very moment already.", **key)
    towns.lock(conn, ledger_id)
    conn.execute(insert(disposal_cost).values(ledger_id=ledger_id, **asdict(asked)))
    # It may count for deposits that were summed under another cost: all are summed anew.
    for table in (avoided_sum, avoided_run, avoided_upto):
        conn.execute(delete(table).where(table.c.ledger_id == ledger_id))


def disposal_costs(conn: Connection, ledger_id: int) -> list[DisposalCost]:
    row = disposal_cost.c
    query = select(row.fraction, row.from_s, row.amount_per_tonne, row.decided_by)
    ordered = query.where(row.ledger_id == ledger_id).order_by(row.fraction, row.from_s)
    return [DisposalCost(*each) for each in conn.execute(ordered)]


def avoided(conn: Connection, ledger_id: int, costs: Sequence[DisposalCost]) -> int:
    """What all sorted deposits saved, in minor units. `conn` sees one moment of the database."""
    if not costs:
        return 0
    grams = _summed(conn, ledger_id, costs)
    for journal, first, last in runs.outside(conn, ledger_id, avoided_run):
        weighed = _weighed(ledger_id, costs, journal, first, last)
        total = select(weighed.c.place, func.sum(weighed.c.net_g)).group_by(weighed.c.place)
        _add(grams, conn.execute(total))
    _add(grams, conn.execute(_late(ledger_id, costs, _upto_us(conn, ledger_id))))
    return sum(
        grams[place] * each.amount_per_tonne // GRAMS_PER_TONNE for place, each in enumerate(costs)
    )


def roll(conn: Connection, ledger_id: int, limit: int = PAGE) -> bool:
    """Move at most `limit` deposits and as many last words into the sums; needs to write.

    Tells whether any was moved, so that there may be more.
    """
    # Two at a time would sum the same deposits twice, or under a cost that counts no more.
    towns.lock(conn, ledger_id)
    costs = disposal_costs(conn, ledger_id)
    if not costs:
        return False
    grams: Counter[int] = Counter()
    late = _roll_late(conn, ledger_id, costs, grams, limit)
    found: dict[Journal, list[int]] = defaultdict(list)
    for journal, first, last in list(runs.outside(conn, ledger_id, avoided_run)):
        weighed = _weighed(ledger_id, costs, journal, first, last)
        # One statement tells the numbers and the grams: what is booked meanwhile is in neither.
        for seq, place, net_g in conn.execute(select(weighed).order_by(weighed.c.seq).limit(limit)):
            found[journal].append(seq)
            grams[place] += net_g
            limit -= 1
        if limit == 0:
            break
    for journal, seqs in found.items():
        runs.note(conn, ledger_id, avoided_run, journal, seqs)
    for place, net_g in grams.items():
        if place != _NO_COST and net_g:
            _add_sum(conn, ledger_id, costs[place], net_g)
    return bool(found) or late


def _summed(conn: Connection, ledger_id: int, costs: Sequence[DisposalCost]) -> Counter[int]:
    row = avoided_sum.c
    places = {(each.fraction, each.from_s): place for place, each in enumerate(costs)}
    kept = select(row.fraction, row.from_s, row.net_g).where(row.ledger_id == ledger_id)
    return Counter(
        {places[fraction, from_s]: net_g for fraction, from_s, net_g in conn.execute(kept)}
    )


def _add(grams: Counter[int], more: Any) -> None:
    for place, net_g in more:
        grams[place] += int(net_g or 0)  # PostgreSQL's own sum of BIGINTs is a NUMERIC


def _place(costs: Sequence[DisposalCost]) -> ColumnElement[int]:
    """Which of `costs`, by its place, counts for a record: its fraction's newest by then."""
    row = record.c
    newest_first = sorted(enumerate(costs), key=lambda each: -each[1].from_s)
    cases = [
        ((row.fraction == cost.fraction) & (row.effective_s >= cost.from_s), place)
        for place, cost in newest_first
    ]
    return case(*cases, else_=_NO_COST).label("place")


def _weighed(
    ledger_id: int, costs: Sequence[DisposalCost], journal: Journal, first: int, last: int | None
) -> Any:
    """(seq, place, net_g) of a journal's records; what was not taken at once weighs nothing."""
    row = record.c
    taken = (row.kind == "deposit") & row.outcome.in_(PAID) & row.net_g.is_not(None)
    query = select(
        row.seq, _place(costs), case((taken, row.net_g), else_=0).label("net_g")
    ).where(
        row.ledger_id == ledger_id,
        row.source_id == journal[0],
        row.epoch == journal[1],
        row.seq >= first,
    )  # fmt: skip
    return (query if last is None else query.where(row.seq <= last)).subquery()


def _late(
    ledger_id: int, costs: Sequence[DisposalCost], after_us: int, upto_us: int | None = None
) -> Select[Any]:
    """(place, net_g) of deposits that were held and then taken, by the time of the last word.

    Each record is found by its own key: a join might begin with all that were ever held.
    """
    row, last = record.c, resolution.c
    same = [row[name] == last[name] for name in KEY]

    def of_record(found: Any, *which: Any) -> Any:
        return select(found).where(*same, *which).correlate(resolution).scalar_subquery()

    held = (row.kind == "deposit", row.outcome == HELD)
    query = select(
        of_record(_place(costs)).label("place"), of_record(row.net_g, *held).label("net_g")
    ).where(last.ledger_id == ledger_id, last.outcome.in_(PAID), last.recorded_us > after_us)
    each = (query if upto_us is None else query.where(last.recorded_us <= upto_us)).subquery()
    return select(each.c.place, func.sum(each.c.net_g)).group_by(each.c.place)


def _upto_us(conn: Connection, ledger_id: int) -> int:
    row = avoided_upto.c
    return conn.scalar(select(row.resolved_us).where(row.ledger_id == ledger_id)) or 0


def _roll_late(
    conn: Connection,
    ledger_id: int,
    costs: Sequence[DisposalCost],
    grams: Counter[int],
    limit: int,
) -> bool:
    """Add the grams of the next `limit` last words; tells whether there were any."""
    after_us = _upto_us(conn, ledger_id)
    upto_us = runs.last_words_upto(conn, ledger_id, after_us, limit)
    if upto_us is None:
        return False
    _add(grams, conn.execute(_late(ledger_id, costs, after_us, upto_us)))
    runs.keep_upto(conn, avoided_upto, ledger_id, upto_us)
    return True


def _add_sum(conn: Connection, ledger_id: int, cost: DisposalCost, net_g: int) -> None:
    row = avoided_sum.c
    key = {"ledger_id": ledger_id, "fraction": cost.fraction, "from_s": cost.from_s}
    mine = [row[name] == value for name, value in key.items()]
    more = update(avoided_sum).where(*mine).values(net_g=row.net_g + net_g)
    if conn.execute(more).rowcount == 0:
        conn.execute(insert(avoided_sum).values(**key, net_g=net_g))
