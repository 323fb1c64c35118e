"""Drafting and approving tariffs, and the rate in force at a moment.

A tariff is a version: a date, its rates and, if it is narrower, a collection point and an end. It
is in force from its date once two members of staff other than its drafter have approved it, and
never changes. An open one lasts until a later one of the same scope takes over; one with an end
comes before it, and a point's before the town's, rate by rate. Only the town's first tariff may
start in the past, so that no weight is ever valued twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, select

from backend import rows
from backend import tables as t
from backend.access.who import Who
from backend.errors import (
    Backdated,
    BadInput,
    NotFound,
    Overlap,
    SameApprover,
    UnknownFraction,
)
from backend.towns import service as towns
from firmware import contract

APPROVALS = 2
DEAREST = 10**9  # the heaviest record at this rate still fits the books' largest amount
# Who signs the tariff that a town is founded with: the file, in the open, instead of two people.
FOUNDING = "town file"
GRADE = "standard"  # the one quality that a bin without a camera can vouch for

Rates = Mapping[tuple[str, str], int]  # (fraction, grade): credit per kilogram


@dataclass(frozen=True, slots=True)
class Tariff:
    """`approved_by` are staff ids; two of them put the tariff in force at `from_s`.

    `until_s` None: until a later one takes over. `point_id` None: everywhere in the town.
    """

    id: int
    from_s: int
    note: str
    drafted_by: str
    approved_by: tuple[int, ...]
    rates: Rates
    until_s: int | None = None
    point_id: int | None = None

    @property
    def approved(self) -> bool:
        return len(self.approved_by) >= APPROVALS or self.drafted_by == FOUNDING

    @property
    def narrowness(self) -> tuple[bool, bool, int, int]:
        """What decides between two that are in force: the greater one's rate counts."""
        return (self.point_id is not None, self.until_s is not None, self.from_s, self.id)

    def covers(self, point_id: int | None, effective_s: int) -> bool:
        """Tell whether it speaks of a place and a moment."""
        here = self.point_id is None or self.point_id == point_id
        return here and self.from_s <= effective_s < (self.until_s or effective_s + 1)


@dataclass(frozen=True, slots=True)
class Rate:
    tariff_id: int
    amount_per_kg: int


def draft(
    conn: Connection,
    ledger_id: int,
    rates: Mapping[str, int] | Rates,
    *,
    from_s: int,
    until_s: int | None = None,
    point_id: int | None = None,
    drafted_by: str,
    note: str = "",
    now_s: int,
) -> Tariff:
    """Write down a tariff that is not in force yet.

    Raises UnknownFraction, BadInput, NotFound for the point, Overlap.
    """
    graded = {_graded(key): amount for key, amount in rates.items()}
    _check(graded)
    if until_s is not None and until_s <= from_s:
        raise BadInput("A tariff ends after it starts.")
    if point_id is not None:
        towns.point(conn, ledger_id, point_id)
    known = tariffs(conn, ledger_id)
    _check_overlap(known, Tariff(0, from_s, note, "", (), graded, until_s, point_id))
    if drafted_by == FOUNDING and known:
        raise BadInput("A town is founded with a tariff once; later ones are approved by two.")
    tariff_id = rows.next_id(conn, ledger_id, t.tariff.c.id)
    conn.execute(
        insert(t.tariff).values(
            ledger_id=ledger_id,
            id=tariff_id,
            from_s=from_s,
            note=note,
            drafted_by=drafted_by,
            drafted_s=now_s,
            until_s=until_s,
            point_id=point_id,
        )
    )
    for (fraction, grade), amount in graded.items():
        conn.execute(
            insert(t.tariff_rate).values(
                ledger_id=ledger_id,
                tariff_id=tariff_id,
                fraction=fraction,
                grade=grade,
                amount_per_kg=amount,
            )
        )
    return tariff(conn, ledger_id, tariff_id)


def approve(
    conn: Connection, ledger_id: int, tariff_id: int, *, staff_id: int, now_s: int
) -> Tariff:
    """Sign a tariff; the second signature puts it in force.

    Raises NotFound, SameApprover, Backdated, Overlap.
    """
    found = tariff(conn, ledger_id, tariff_id)
    if found.drafted_by == f"staff:{staff_id}":
        raise SameApprover("You have drafted this tariff; two colleagues approve it.")
    if staff_id in found.approved_by:
        raise SameApprover("You have approved this tariff; the other signature is a colleague's.")
    if not found.approved and len(found.approved_by) + 1 >= APPROVALS:
        known = tariffs(conn, ledger_id)
        _check_overlap(known, found)
        _check_date(known, found, now_s)
    conn.execute(
        insert(t.tariff_approval).values(
            ledger_id=ledger_id, tariff_id=tariff_id, staff_id=staff_id, approved_s=now_s
        )
    )
    towns.changed(conn, ledger_id)
    return tariff(conn, ledger_id, tariff_id)


def tariff(conn: Connection, ledger_id: int, tariff_id: int) -> Tariff:
    """Raises NotFound."""
    for found in tariffs(conn, ledger_id):
        if found.id == tariff_id:
            return found
    raise NotFound("There is no such tariff.")


def tariffs(conn: Connection, ledger_id: int) -> list[Tariff]:
    """Return every version, drafts too, in the order in which they were written."""
    rates: dict[int, dict[tuple[str, str], int]] = {}
    for row in conn.execute(select(t.tariff_rate).where(t.tariff_rate.c.ledger_id == ledger_id)):
        rates.setdefault(row.tariff_id, {})[row.fraction, row.grade] = row.amount_per_kg
    signed: dict[int, list[int]] = {}
    approvals = t.tariff_approval
    query = select(approvals).where(approvals.c.ledger_id == ledger_id)
    for row in conn.execute(query.order_by(approvals.c.approved_s, approvals.c.staff_id)):
        signed.setdefault(row.tariff_id, []).append(row.staff_id)
    rows = conn.execute(
        select(t.tariff).where(t.tariff.c.ledger_id == ledger_id).order_by(t.tariff.c.id)
    )
    return [
        Tariff(
            row.id,
            row.from_s,
            row.note,
            row.drafted_by,
            tuple(signed.get(row.id, ())),
            rates.get(row.id, {}),
            row.until_s,
            row.point_id,
        )
        for row in rows
    ]


def standing(versions: list[Tariff], version: Tariff, now_s: int) -> str:
    """How a version stands: draft, ahead (approved, not begun), in_force, or over."""
    if not version.approved:
        return "draft"
    if version.from_s > now_s:
        return "ahead"
    scope = (version.point_id, version.until_s is None)
    followed = version.until_s is None and any(
        other.approved
        and (other.point_id, other.until_s is None) == scope
        and version.from_s < other.from_s <= now_s
        for other in versions
    )
    ended = version.until_s is not None and version.until_s <= now_s
    return "over" if followed or ended else "in_force"


def said(versions: list[Tariff], version: Tariff, now_s: int, timezone: str) -> str:
    """The same in words, after "tariff 3 is"; moments by the town's clocks."""
    signed = len(version.approved_by)
    since = datetime.fromtimestamp(version.from_s, ZoneInfo(timezone)).isoformat(" ", "minutes")
    return {
        "draft": "waiting for a second signature" if signed else "a draft for two approvers",
        "ahead": f"approved, and in force from {since} on",
        "in_force": f"in force since {since}",
        "over": f"over; it was in force from {since}",
    }[standing(versions, version, now_s)]


def can_approve(staff: Iterable[Who]) -> bool:
    """Whether these people can bring a tariff into force: one drafts it, two others approve."""
    people = list(staff)
    approvers = {who.id for who in people if who.may("tariffs:approve")}
    drafters = [who.id for who in people if who.may("tariffs:draft")]
    return any(len(approvers - {drafter}) >= APPROVALS for drafter in drafters)


def rate_at(
    versions: list[Tariff],
    fraction: str,
    effective_s: int,
    grade: str = GRADE,
    point_id: int | None = None,
) -> Rate | None:
    """Return the rate in force at a place and moment; None without one.

    Of open versions of one scope only the newest counts, also where it leaves a fraction out.
    """
    in_force = [v for v in versions if v.approved and v.covers(point_id, effective_s)]
    scopes = {(v.point_id, v.until_s is None): v for v in sorted(in_force, key=_narrowness)}
    for version in sorted(scopes.values(), key=_narrowness, reverse=True):
        amount = version.rates.get((fraction, grade))
        if amount is not None:
            return Rate(version.id, amount)
    return None


def _narrowness(version: Tariff) -> tuple[bool, bool, int, int]:
    return version.narrowness


def _graded(key: str | tuple[str, str]) -> tuple[str, str]:
    return (key, GRADE) if isinstance(key, str) else key


def _check(rates: Rates) -> None:
    if not rates:
        raise BadInput("A tariff has at least one rate.")
    for (fraction, _grade), amount in rates.items():
        if fraction not in contract.FRACTIONS:
            known = ", ".join(contract.FRACTIONS)
            raise UnknownFraction(f"There is no fraction {fraction!r}. Fractions: {known}.")
        if not 0 <= amount <= DEAREST:
            raise BadInput(f"Credit per kilogram is a whole number from 0 to {DEAREST}.")


def _check_overlap(known: list[Tariff], new: Tariff) -> None:
    """Two of one scope must not speak of the same moment with the same right. Raises Overlap."""
    for other in known:
        same_scope = (other.point_id, other.until_s is None) == (new.point_id, new.until_s is None)
        if other.id == new.id or not other.approved or not same_scope:
            continue
        if new.until_s is None or other.until_s is None:
            meet = new.from_s == other.from_s
        else:
            meet = new.from_s < other.until_s and other.from_s < new.until_s
        if meet:
            raise Overlap(
                f"Tariff {other.id} is in force then already. Choose another period, or another "
                "point; a tariff that was approved is never edited."
            )


def _check_date(known: list[Tariff], found: Tariff, now_s: int) -> None:
    """Deposits up to now may be valued already, unless nothing was ever in force."""
    in_force = [v for v in known if v.approved]
    earlier = [
        v.from_s
        for v in in_force
        if v.point_id == found.point_id and v.until_s is None and found.until_s is None
    ]
    if in_force and found.from_s <= max([now_s, *earlier]):
        raise Backdated("A new tariff starts in the future and after the one before it.")
