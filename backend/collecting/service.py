"""Weighbridge tickets, and the mass balance: deposits, bins emptied, trucks, facility, heaps.

The same waste is weighed up to four times on its way. Where two weighings differ by more than
the tolerance a scale is wrong, something was lost, or somebody helped: all three want a look.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, func, insert, select

from backend import rows
from backend import tables as programme
from backend.collecting.tables import load_ticket
from backend.compost.tables import compost_discard, compost_input, compost_yield
from backend.devices import service as devices
from backend.errors import BadInput, Taken, UnknownFraction
from backend.ledger.tables import record, resolution
from backend.reports.service import PAID, decided_late
from backend.towns import service as towns
from firmware import contract

TRUCK, FACILITY = "truck", "facility"
SITES = (TRUCK, FACILITY)
HEAVIEST_G = 60_000_000  # a lorry and its trailer
# What two scales and a day's drying out may differ by before somebody should look.
TOLERANCE_PERMILLE = 50
EVERYWHERE = None

Place = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Ticket:
    """One weighing of a load: `gross_g` with the vehicle, `tare_g` of it empty."""

    site: str
    ticket: str
    fraction: str
    point_id: int | None
    vehicle: str
    gross_g: int
    tare_g: int
    weighed_s: int

    @property
    def net_g(self) -> int:
        return self.gross_g - self.tare_g


@dataclass(frozen=True, slots=True)
class Row:
    """One fraction at one point, or in the whole town (`point_id` None).

    `differences` are (what, grams, per mille of the first) of each two weighings that both exist:
    positive where less arrived than was sent. `alarms` names those beyond the tolerance.
    """

    fraction: str
    point_id: int | None
    point: str | None
    deposited_g: int
    emptied_g: int
    truck_g: int
    facility_g: int
    differences: tuple[tuple[str, int, int], ...]
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """A period's masses, the town's fractions first; `unplaced` tickets name no point.

    In the same period `composted_g` went into heaps, `yielded_g` came out of them ripe, and
    `discarded_g` was taken away of heaps that failed.
    """

    since_s: int
    until_s: int
    tolerance_permille: int
    town: tuple[Row, ...]
    points: tuple[Row, ...]
    unplaced: int
    composted_g: int
    yielded_g: int
    discarded_g: int


def add(
    conn: Connection, ledger_id: int, asked: Ticket, *, entered_by: str, now_s: int
) -> tuple[Ticket, bool]:
    """Enter a ticket, once; return it and whether it was there already, just the same.

    Raises BadInput, UnknownFraction, NotFound, Taken for the same number with other facts.
    """
    _check(conn, ledger_id, asked, now_s)
    row = load_ticket.c
    values = {name: getattr(asked, name) for name in Ticket.__slots__}
    query = select(load_ticket).where(
        row.ledger_id == ledger_id, row.site == asked.site, row.ticket == asked.ticket
    )
    found = conn.execute(query).one_or_none()
    if found is not None:
        if all(getattr(found, name) == value for name, value in values.items()):
            return asked, True
        raise Taken(f"Ticket {asked.ticket} of the {asked.site} was entered with other figures.")
    number = rows.next_id(conn, ledger_id, row.id)
    conn.execute(
        insert(load_ticket).values(
            ledger_id=ledger_id, id=number, entered_by=entered_by, entered_s=now_s, **values
        )
    )
    return asked, False


def tickets(
    conn: Connection, ledger_id: int, since_s: int = 0, until_s: int = 2**40
) -> list[Ticket]:
    row = load_ticket.c
    query = select(load_ticket).where(
        row.ledger_id == ledger_id, row.weighed_s >= since_s, row.weighed_s < until_s
    )
    return [
        Ticket(**{name: getattr(each, name) for name in Ticket.__slots__})
        for each in conn.execute(query.order_by(row.weighed_s, row.id))
    ]


def balance(
    conn: Connection,
    ledger_id: int,
    since_s: int = 0,
    until_s: int = 2**40,
    *,
    tolerance_permille: int = TOLERANCE_PERMILLE,
) -> Balance:
    """Compare what each stage weighed in [since_s, until_s), by fraction and point."""
    masses: dict[Place, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    unplaced = 0
    for stage, fraction, point_id, net_g in _weighed(conn, ledger_id, since_s, until_s):
        masses[fraction, EVERYWHERE][stage] += net_g
        if point_id is None:
            unplaced += 1
        else:
            masses[fraction, point_id][stage] += net_g
    names = {each.id: each.name for each in towns.points(conn, ledger_id)}
    made = [
        _row(place, masses[place], names, tolerance_permille)
        for place in sorted(masses, key=lambda place: (place[0], place[1] or 0))
    ]
    put, out = compost_input.c, compost_yield.c
    composted = select(func.coalesce(func.sum(put.grams), 0)).where(
        put.ledger_id == ledger_id, put.added_s >= since_s, put.added_s < until_s
    )
    batch = programme.batch.c
    yielded = (
        select(func.coalesce(func.sum(out.grams), 0))
        .join(
            programme.batch, (batch.ledger_id == out.ledger_id) & (batch.group_id == out.group_id)
        )
        .where(out.ledger_id == ledger_id, batch.received_s >= since_s, batch.received_s < until_s)
    )
    gone = compost_discard.c
    discarded = select(func.coalesce(func.sum(gone.grams), 0)).where(
        gone.ledger_id == ledger_id, gone.discarded_s >= since_s, gone.discarded_s < until_s
    )
    return Balance(
        since_s,
        until_s,
        tolerance_permille,
        tuple(each for each in made if each.point_id is EVERYWHERE),
        tuple(each for each in made if each.point_id is not EVERYWHERE),
        unplaced,
        int(conn.scalar(composted) or 0),
        int(conn.scalar(yielded) or 0),
        int(conn.scalar(discarded) or 0),
    )


def _row(place: Place, masses: dict[str, int], names: dict[int, str], tolerance: int) -> Row:
    fraction, point_id = place
    stages = [(name, masses.get(name, 0)) for name in ("deposited", "emptied", "truck", "facility")]
    differences = tuple(
        (f"{sent} to {arrived}", sent_g - arrived_g, (sent_g - arrived_g) * 1000 // sent_g)
        for (sent, sent_g), (arrived, arrived_g) in pairwise(s for s in stages if s[1] > 0)
    )
    return Row(
        fraction,
        point_id,
        None if point_id is None else names.get(point_id),
        masses.get("deposited", 0),
        masses.get("emptied", 0),
        masses.get("truck", 0),
        masses.get("facility", 0),
        differences,
        tuple(what for what, _, permille in differences if abs(permille) > tolerance),
    )


def _weighed(
    conn: Connection, ledger_id: int, since_s: int, until_s: int
) -> Iterator[tuple[str, str, int | None, int]]:
    """(stage, fraction, point, grams) of everything that was weighed in the period."""
    row = record.c
    period = (row.ledger_id == ledger_id, row.effective_s >= since_s, row.effective_s < until_s)
    deposits = (
        select(row.fraction, row.point_id, func.sum(row.net_g))
        .where(*period, row.kind == "deposit", row.outcome.in_(PAID))
        .group_by(row.fraction, row.point_id)
    )
    late = (
        decided_late(ledger_id, row.fraction, row.point_id, func.sum(row.net_g))
        .where(*period, resolution.c.outcome.in_(PAID))
        .group_by(row.fraction, row.point_id)
    )
    for query in (deposits, late):
        for fraction, point_id, net_g in conn.execute(query):
            yield "deposited", fraction, point_id, int(net_g)
    fractions = _single_fractions(conn, ledger_id)
    emptied = select(row.source_id, row.point_id, row.jws).where(
        *period, row.kind == "emptied", row.sealed_for.is_(None)
    )
    for source_id, point_id, jws in conn.execute(emptied):
        body = contract.parse_json(contract.split(bytes(jws).decode(), "record").payload)
        if source_id in fractions:
            yield "emptied", fractions[source_id], point_id, body["before_g"] - body["after_g"]
    for each in tickets(conn, ledger_id, since_s, until_s):
        yield each.site, each.fraction, each.point_id, each.net_g


def _single_fractions(conn: Connection, ledger_id: int) -> dict[int, str]:
    """The fraction of each bin that takes one alone: a record of emptying names none."""
    found: dict[int, str] = {}
    for each in devices.devices(conn, ledger_id):
        names: Any = (each.birth or {}).get("fractions", ())
        if len(names) == 1:
            found[each.source_id] = names[0]
    return found


def _check(conn: Connection, ledger_id: int, asked: Ticket, now_s: int) -> None:
    if asked.site not in SITES:
        raise BadInput(f"A ticket is of one of {', '.join(SITES)}.")
    if asked.fraction not in contract.FRACTIONS:
        names = ", ".join(contract.FRACTIONS)
        raise UnknownFraction(f"There is no fraction {asked.fraction}. Choose among: {names}.")
    if not 0 <= asked.tare_g < asked.gross_g <= HEAVIEST_G:
        raise BadInput(f"A ticket's gross is above its tare, up to {HEAVIEST_G} g.")
    if asked.weighed_s > now_s:
        raise BadInput("A load was weighed, not will be: the date is in the future.")
    if asked.point_id is not None:
        towns.point(conn, ledger_id, asked.point_id)
