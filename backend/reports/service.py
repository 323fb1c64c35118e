"""Kilograms per fraction and point, and what the backend has answered: figures, no people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, case, func, select

from backend import tables as t
from backend.ledger import tables as ledger
from backend.services import Services
from firmware import contract

PAID = ("credited", "queued", "suspended")  # weighed well, whatever became of the money
HELD = "held"


@dataclass(frozen=True, slots=True)
class Stream:
    """One fraction at one point. `held_g` is what was weighed and waits for a look."""

    fraction: str
    waste_code: str
    point_id: int | None
    point: str | None
    deposits: int
    net_g: int
    held_g: int
    amount: int


@dataclass(frozen=True, slots=True)
class Streams:
    """`change` grows with every booking: while it stays, so do the streams."""

    change: int
    streams: tuple[Stream, ...]

    @property
    def net_g(self) -> int:
        return sum(stream.net_g for stream in self.streams)

    @property
    def amount(self) -> int:
        return sum(stream.amount for stream in self.streams)


@dataclass(frozen=True, slots=True)
class Health:
    """Counts since the town was founded, and (`answered`) since this process started."""

    records: dict[str, int]
    resolved: dict[str, int]
    quarantined: int
    refused: dict[str, int]
    refused_kept: int
    answered: dict[str, int]
    telemetry: dict[str, int]
    queue: int


def change(conn: Connection, ledger_id: int) -> int:
    """Return a number that grows with every booking."""
    query = select(ledger.ledger_head.c.clock_us).where(ledger.ledger_head.c.ledger_id == ledger_id)
    return conn.scalars(query).one_or_none() or 0


def decided_late(ledger_id: int, *columns: Any) -> Select[Any]:
    """Select of deposits that were held at first and have had their last word, by index."""
    row, last = ledger.record.c, ledger.resolution.c
    same = [row[name] == last[name] for name in ledger.KEY]
    return (
        select(*columns)
        .select_from(ledger.resolution.join(ledger.record, and_(*same)))
        .where(last.ledger_id == ledger_id, row.kind == "deposit", row.outcome == HELD)
    )


def streams(
    conn: Connection, ledger_id: int, since_s: int = 0, until_s: int | None = None
) -> Streams:
    """Sum deposits that happened in [since_s, until_s), by fraction and point."""
    row = ledger.record.c
    paid = row.outcome.in_(PAID)
    query = (
        select(
            row.fraction,
            row.point_id,
            func.count(case((paid, 1))).label("deposits"),
            func.coalesce(func.sum(case((paid, row.net_g))), 0).label("net_g"),
            func.coalesce(func.sum(case((~paid, row.net_g))), 0).label("held_g"),
            func.coalesce(func.sum(case((paid, row.amount))), 0).label("amount"),
        )
        .where(row.ledger_id == ledger_id, row.kind == "deposit", row.effective_s >= since_s)
        .group_by(row.fraction, row.point_id)
        .order_by(row.fraction, row.point_id)
    )
    late = _late(ledger_id).where(row.effective_s >= since_s)
    if until_s is not None:
        query = query.where(row.effective_s < until_s)
        late = late.where(row.effective_s < until_s)
    more = {(each.fraction, each.point_id): each for each in conn.execute(late)}
    counter = change(conn, ledger_id)
    points = conn.execute(
        select(t.point.c.id, t.point.c.name).where(t.point.c.ledger_id == ledger_id)
    )
    names: dict[int, str] = {row.id: row.name for row in points}
    return Streams(
        counter,
        tuple(
            _stream(found, more.get((found.fraction, found.point_id)), names)
            for found in conn.execute(query)
        ),
    )


def _late(ledger_id: int) -> Select[Any]:
    row, last = ledger.record.c, ledger.resolution.c
    paid = last.outcome.in_(PAID)
    return decided_late(
        ledger_id,
        row.fraction,
        row.point_id,
        func.count(case((paid, 1))).label("deposits"),
        func.coalesce(func.sum(case((paid, row.net_g))), 0).label("net_g"),
        func.sum(row.net_g).label("decided_g"),
        func.coalesce(func.sum(case((paid, last.amount))), 0).label("amount"),
    ).group_by(row.fraction, row.point_id)


def _stream(found: Any, more: Any, names: Mapping[int, str]) -> Stream:
    """Sums of a fraction at a point, with those that were held at first."""
    late = (0, 0, 0, 0)
    if more is not None:
        late = (more.deposits, int(more.net_g), int(more.decided_g), int(more.amount))
    return Stream(
        found.fraction,
        contract.FRACTIONS[found.fraction],
        found.point_id,
        names.get(found.point_id),
        found.deposits + late[0],
        int(found.net_g) + late[1],
        int(found.held_g) - late[2],
        int(found.amount) + late[3],
    )


def health(services: Services) -> Health:
    """Count every outcome and refusal."""
    ledger_id = services.ledger_id
    row, last, tally = ledger.record.c, ledger.resolution.c, t.tally.c
    with services.read() as conn:
        records = conn.execute(
            select(row.outcome, func.count())
            .where(row.ledger_id == ledger_id)
            .group_by(row.outcome)
        ).all()
        resolved = conn.execute(
            select(last.outcome, func.count())
            .where(last.ledger_id == ledger_id)
            .group_by(last.outcome)
        ).all()
        tallies = conn.execute(
            select(tally.name, tally.n).where(tally.ledger_id == ledger_id)
        ).all()
        return Health(
            records={row[0]: row[1] for row in records},
            resolved={row[0]: row[1] for row in resolved},
            quarantined=_count(conn, ledger.quarantine, ledger_id),
            refused={name.removeprefix("refused:"): n for name, n in tallies},
            refused_kept=_count(conn, t.refused, ledger_id),
            answered=services.answered.now(),
            telemetry=services.telemetry.counts.now(),
            queue=services.poster.depth,
        )


def _count(conn: Connection, table: Table, ledger_id: int) -> int:
    query = select(func.count()).select_from(table).where(table.c.ledger_id == ledger_id)
    return conn.scalars(query).one()
