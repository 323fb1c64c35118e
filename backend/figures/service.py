"""Publishing a month once, when it is over, and reading what was published.

A deposit belongs to the month in which the books took it, or in which it was decided if it had
to wait: recorded time never runs backwards, so each is in one release and no release changes,
however late a bin comes. Months are the town's, and follow each other without a gap.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, insert, select

from backend import rows
from backend import tables as t
from backend.errors import NotFound
from backend.figures.rules import ALL, Brought, Cell, K, publish
from backend.figures.tables import figure_cell, figure_release
from backend.ledger import tables as ledger
from backend.services import Services
from backend.towns import service as towns
from firmware import contract

US = 1_000_000
GRACE_S = 86_400  # a month is published a day after it ended
_PAID = ("credited", "queued", "suspended")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a month: a fraction with its List of Waste code, or all of them."""

    fraction: str
    waste_code: str | None
    suppressed: bool
    kg: int | None
    deposits: int | None
    households: int | None


@dataclass(frozen=True, slots=True)
class Release:
    """A month (202611) as it was published. At least `k` households stand behind each number."""

    month: int
    published_s: int
    k: int
    figures: tuple[Figure, ...]


def publish_due(services: Services) -> int:
    """Publish every month that is over and was not published; returns how many there were."""
    ledger_id, now_s = services.ledger_id, services.now_s()
    with services.read() as conn:
        town = towns.town(conn, ledger_id)
        since_s = conn.scalars(
            select(t.town.c.founded_s).where(t.town.c.ledger_id == ledger_id)
        ).one()
    n = 0
    for month, from_s, until_s in months(since_s, now_s - GRACE_S, town.timezone):
        with services.begin() as conn:
            n += _publish(conn, ledger_id, month, from_s * US, until_s * US, now_s)
    return n


def releases(conn: Connection, ledger_id: int) -> list[Release]:
    """Return what was published, the newest month first."""
    months_of = select(figure_release).where(figure_release.c.ledger_id == ledger_id)
    cells: dict[int, list[Figure]] = {}
    query = select(figure_cell).where(figure_cell.c.ledger_id == ledger_id)
    for row in conn.execute(query.order_by(figure_cell.c.month, figure_cell.c.fraction)):
        cells.setdefault(row.month, []).append(_figure(row))
    return [
        Release(row.month, row.published_s, row.k, tuple(cells.get(row.month, ())))
        for row in conn.execute(months_of.order_by(figure_release.c.month.desc()))
    ]


def release(conn: Connection, ledger_id: int, month: int) -> Release:
    """Raises NotFound."""
    found = next((each for each in releases(conn, ledger_id) if each.month == month), None)
    if found is None:
        raise NotFound("This month has not been published.")
    return found


def months(since_s: int, until_s: int, timezone: str) -> Iterator[tuple[int, int, int]]:
    """Yield (202611, from_s, until_s) of each of the town's months that ended by `until_s`."""
    zone = ZoneInfo(timezone)
    start = datetime.fromtimestamp(since_s, zone)
    year, month = start.year, start.month
    while True:
        following = (year + month // 12, month % 12 + 1)
        from_s = int(datetime(year, month, 1, tzinfo=zone).timestamp())
        ended_s = int(datetime(*following, 1, tzinfo=zone).timestamp())
        if ended_s > until_s:
            return
        yield year * 100 + month, from_s, ended_s
        year, month = following


def cells(conn: Connection, ledger_id: int, from_us: int, until_us: int) -> dict[str, Brought]:
    """Return what the books took in [from_us, until_us) of recorded time, by fraction."""
    found: dict[str, Brought] = {}
    for row in _taken(conn, ledger_id, from_us, until_us):
        cell = found.setdefault(row.fraction, Brought())
        cell.deposits += 1
        if row.household is None:
            cell.unknown_g += row.net_g
        else:
            cell.grams[row.household] += row.net_g
    return found


def _publish(
    conn: Connection, ledger_id: int, month: int, from_us: int, until_us: int, now_s: int
) -> int:
    if rows.exists(conn, figure_release, ledger_id=ledger_id, month=month):
        return 0
    conn.execute(
        insert(figure_release).values(
            ledger_id=ledger_id,
            month=month,
            from_us=from_us,
            until_us=until_us,
            published_s=now_s,
            k=K,
        )
    )
    for cell in publish(cells(conn, ledger_id, from_us, until_us)):
        conn.execute(insert(figure_cell).values(_row(ledger_id, month, cell)))
    return 1


def _row(ledger_id: int, month: int, cell: Cell) -> dict[str, Any]:
    names = ("fraction", "suppressed", "kg", "deposits", "households")
    return {"ledger_id": ledger_id, "month": month} | {n: getattr(cell, n) for n in names}


def _taken(conn: Connection, ledger_id: int, from_us: int, until_us: int) -> Iterable[Any]:
    """Deposits taken at once, and those that were decided well after they had waited.

    A claim and a suspended deposit count when they are weighed; being paid later changes no
    weight, so only what was held counts at its resolution.
    """
    record, last, person = ledger.record.c, ledger.resolution.c, t.person.c
    same = and_(*(last[name] == record[name] for name in ledger.KEY))
    columns = (record.fraction, record.net_g, person.household)
    whose = and_(person.ledger_id == record.ledger_id, person.account_id == record.account_id)
    at_once = (
        select(*columns)
        .select_from(ledger.record.outerjoin(t.person, whose))
        .where(
            record.ledger_id == ledger_id,
            record.kind == "deposit",
            record.outcome.in_(_PAID),
            record.recorded_us >= from_us,
            record.recorded_us < until_us,
        )
    )
    yield from conn.execute(at_once)
    whose = and_(person.ledger_id == last.ledger_id, person.account_id == last.account_id)
    decided = (
        select(*columns)
        .select_from(ledger.resolution.join(ledger.record, same).outerjoin(t.person, whose))
        .where(
            last.ledger_id == ledger_id,
            last.outcome == "credited",
            last.recorded_us >= from_us,
            last.recorded_us < until_us,
            record.kind == "deposit",
            record.outcome == "held",
        )
    )
    yield from conn.execute(decided)


def _figure(row: Any) -> Figure:
    code = None if row.fraction == ALL else contract.FRACTIONS[row.fraction]
    return Figure(row.fraction, code, row.suppressed, row.kg, row.deposits, row.households)
