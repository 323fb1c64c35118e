"""What past deposits would have earned under another tariff: cost per tonne, who gains, who loses.

The database sums month by month, by household's account and fraction: what it sorts is as long as
a month's deposits, what comes here as the town's accounts, however old the town is. Amounts are
rounded deposit by deposit with the mint's own rule. What a version does not speak of (another
point; a fraction that a narrower one leaves out) keeps what it was paid. Held records count once
they are credited, as they then were.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, or_, select

from backend import tables as t
from backend.ledger.tables import record, resolution
from backend.reports.service import PAID, decided_late
from backend.tariffs.service import Tariff

DECILES = 10
PART_S = 30 * 86_400  # of a period, summed in one go


@dataclass(frozen=True, slots=True)
class FractionChange:
    """One fraction; `_per_tonne` in minor units for 1,000 kg, rounded down."""

    fraction: str
    deposits: int
    net_g: int
    paid: int
    would_pay: int
    paid_per_tonne: int
    would_pay_per_tonne: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """`households` counts who would gain, lose or stay; a person without one is their own."""

    tariff_id: int
    since_s: int
    until_s: int
    fractions: tuple[FractionChange, ...]
    households: dict[str, int]
    spread: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        totals = {
            name: sum(getattr(each, name) for each in self.fractions)
            for name in ("deposits", "net_g", "paid", "would_pay")
        }
        return asdict(self) | totals


def simulate(
    conn: Connection, ledger_id: int, draft: Tariff, since_s: int = 0, until_s: int = 2**40
) -> Simulation:
    """Replay deposits that happened in [since_s, until_s) as if `draft` had been in force."""
    homes = _households(conn, ledger_id)
    streams: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    changes: dict[str, int] = defaultdict(int)
    for each in _replayed(conn, ledger_id, draft, since_s, until_s):
        figures = [int(each.deposits), int(each.net_g), int(each.paid), int(each.would_pay)]
        streams[each.fraction] = [
            a + b for a, b in zip(streams[each.fraction], figures, strict=True)
        ]
        if each.account_id in homes:  # what is suspended has no household yet
            changes[homes[each.account_id]] += figures[3] - figures[2]
    return Simulation(
        draft.id,
        since_s,
        until_s,
        tuple(_fraction(name, *streams[name]) for name in sorted(streams)),
        {
            "gain": sum(change > 0 for change in changes.values()),
            "lose": sum(change < 0 for change in changes.values()),
            "same": sum(change == 0 for change in changes.values()),
        },
        _spread(sorted(changes.values())),
    )


def _replayed(
    conn: Connection, ledger_id: int, draft: Tariff, since_s: int, until_s: int
) -> Iterator[Any]:
    """The sums of what was paid at once, a part after another, and of what was paid later."""
    row, last = record.c, resolution.c

    def within(start_s: int, end_s: int) -> tuple[ColumnElement[bool], ...]:
        return row.effective_s >= start_s, row.effective_s < end_s

    for part in _parts(conn, ledger_id, since_s, until_s):
        first = _sums(select(), row.account_id, row.amount, draft).where(
            row.ledger_id == ledger_id, row.kind == "deposit", row.outcome.in_(PAID), *within(*part)
        )
        yield from conn.execute(first)
    late = _sums(decided_late(ledger_id), last.account_id, last.amount, draft).where(
        last.outcome.in_(PAID), *within(since_s, until_s)
    )
    yield from conn.execute(late)


def _parts(
    conn: Connection, ledger_id: int, since_s: int, until_s: int
) -> Iterator[tuple[int, int]]:
    """The period as far as the town has records, in parts of `PART_S`."""
    moment, mine = record.c.effective_s, record.c.ledger_id == ledger_id
    oldest_s = conn.scalar(select(func.min(moment)).where(mine))
    newest_s = conn.scalar(select(func.max(moment)).where(mine))
    if oldest_s is None or newest_s is None:
        return
    end_s = min(until_s, newest_s + 1)
    for start_s in range(max(since_s, oldest_s), end_s, PART_S):
        yield start_s, min(start_s + PART_S, end_s)


def _sums(
    query: Select[Any], account_id: ColumnElement[Any], paid: ColumnElement[Any], draft: Tariff
) -> Select[Any]:
    """What was paid and would be, by account and fraction."""
    row = record.c
    return query.add_columns(
        account_id,
        row.fraction,
        func.count().label("deposits"),
        func.sum(row.net_g).label("net_g"),
        func.sum(paid).label("paid"),
        func.sum(_worth(draft, paid)).label("would_pay"),
    ).group_by(account_id, row.fraction)


def _worth(draft: Tariff, paid: ColumnElement[Any]) -> ColumnElement[int]:
    """The credit under the draft, as an expression on `record`; `credit_for` in SQL."""
    row = record.c
    asked = [
        (and_(row.fraction == fraction, row.grade == grade), (row.net_g * rate + 500) // 1000)
        for (fraction, grade), rate in draft.rates.items()
    ]
    narrow = draft.point_id is not None or draft.until_s is not None
    left_out: ColumnElement[int] = paid if narrow else literal(0)
    worth = case(*asked, else_=left_out)
    if draft.point_id is None:
        return worth
    elsewhere = or_(row.point_id.is_(None), row.point_id != draft.point_id)
    return case((elsewhere, paid), else_=worth)


def _households(conn: Connection, ledger_id: int) -> dict[int, str]:
    query = select(t.person.c.account_id, t.person.c.household)
    found = conn.execute(query.where(t.person.c.ledger_id == ledger_id))
    return {row.account_id: row.household for row in found}


def _fraction(name: str, deposits: int, net_g: int, paid: int, would_pay: int) -> FractionChange:
    per_tonne = [amount * 1_000_000 // net_g if net_g else 0 for amount in (paid, would_pay)]
    return FractionChange(name, deposits, net_g, paid, would_pay, *per_tonne)


def _spread(changes: list[int]) -> tuple[int, ...]:
    last = len(changes) - 1
    return tuple(changes[last * step // DECILES] for step in range(DECILES + 1)) if changes else ()
