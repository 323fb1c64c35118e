"""Kilograms per fraction and point, and what the backend has answered: figures, no people."""

from dataclasses import dataclass

from sqlalchemy import Connection, Table, case, func, select

from backend import tables as t
from backend.ledger import tables as ledger
from backend.services import Services
from firmware import contract

PAID = ("credited", "queued", "suspended")  # weighed well, whatever became of the money


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
    if until_s is not None:
        query = query.where(row.effective_s < until_s)
    counter = change(conn, ledger_id)
    points = conn.execute(
        select(t.point.c.id, t.point.c.name).where(t.point.c.ledger_id == ledger_id)
    )
    names: dict[int, str] = {row.id: row.name for row in points}
    return Streams(
        counter,
        tuple(
            Stream(
                found.fraction,
                contract.FRACTIONS[found.fraction],
                found.point_id,
                names.get(found.point_id),
                found.deposits,
                int(found.net_g),
                int(found.held_g),
                int(found.amount),
            )
            for found in conn.execute(query)
        ),
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
