"""Kilograms per fraction and point, and what the backend has answered: figures, no people."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from backend import tables as t
from backend.deposits import keeping
from backend.ledger import tables as ledger
from backend.reports import sums
from backend.reports.sums import Word
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
    found: dict[tuple[str, int], list[int]] = {}
    for word, (n, net_g, amount) in sums.sums(conn, ledger_id, since_s, until_s).items():
        if word.kind == "deposit":
            mine = found.setdefault((word.fraction, word.point_id), [0, 0, 0, 0])
            for place, more in enumerate(_weighed(word, n, net_g, amount)):
                mine[place] += more
    points = conn.execute(
        select(t.point.c.id, t.point.c.name).where(t.point.c.ledger_id == ledger_id)
    )
    names: dict[int, str] = {row.id: row.name for row in points}
    return Streams(
        change(conn, ledger_id),
        tuple(_stream(*place, figures, names) for place, figures in sorted(found.items())),
    )


def _weighed(word: Word, n: int, net_g: int, amount: int) -> tuple[int, int, int, int]:
    """(deposits, net_g, held_g, amount) of one sum: at first, or by the last word on it."""
    if not word.last:
        return (n, net_g, 0, amount) if word.outcome in PAID else (0, 0, net_g, 0)
    if word.outcome != HELD:
        return (0, 0, 0, 0)
    return (n, net_g, -net_g, amount) if word.last in PAID else (0, 0, -net_g, 0)


def _stream(
    fraction: str,
    point_id: int,
    figures: list[int],
    names: Mapping[int, str],
) -> Stream:
    deposits, net_g, held_g, amount = figures
    return Stream(
        fraction,
        contract.FRACTIONS[fraction],
        point_id or None,
        names.get(point_id),
        deposits,
        net_g,
        held_g,
        amount,
    )


def health(services: Services) -> Health:
    """Count every outcome and refusal."""
    ledger_id = services.ledger_id
    tally = t.tally.c
    with services.read() as conn:
        records: Counter[str] = Counter()
        resolved: Counter[str] = Counter()
        for word, (n, _, _) in sums.sums(conn, ledger_id).items():
            (resolved if word.last else records)[word.last or word.outcome] += n
        named = select(tally.name, tally.n).where(tally.ledger_id == ledger_id)
        tallies = {each.name: each.n for each in conn.execute(named)}
        return Health(
            records=dict(records),
            resolved=dict(resolved),
            quarantined=sums.quarantined(conn, ledger_id),
            refused_kept=tallies.pop(keeping.KEPT, 0),
            refused={name.removeprefix("refused:"): n for name, n in tallies.items()},
            answered=services.answered.now(),
            telemetry=services.telemetry.counts.now(),
            queue=services.poster.depth,
        )
