"""Drafting and approving tariffs, and the rate in force at a moment.

A tariff is a version: a date and its rates. It is in force from its date once two members of
staff have approved it, and never changes; a later version takes over at its own date. Only the
town's first tariff may start in the past, so that no weight is ever valued twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from backend import rows
from backend import tables as t
from backend.errors import Backdated, BadInput, NotFound, SameApprover, UnknownFraction
from backend.towns import service as towns
from firmware import contract

APPROVALS = 2
DEAREST = 10**9  # the heaviest record at this rate still fits the books' largest amount
GRADE = "standard"  # the one quality that a bin without a camera can vouch for

Rates = Mapping[tuple[str, str], int]  # (fraction, grade): credit per kilogram


@dataclass(frozen=True, slots=True)
class Tariff:
    """`approved_by` are staff ids; two of them put the tariff in force at `from_s`."""

    id: int
    from_s: int
    note: str
    drafted_by: str
    approved_by: tuple[int, ...]
    rates: Rates

    @property
    def approved(self) -> bool:
        return len(self.approved_by) >= APPROVALS


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
    drafted_by: str,
    note: str = "",
    now_s: int,
) -> Tariff:
    """Write down a tariff that is not in force yet. Raises UnknownFraction, BadInput."""
    graded = {_graded(key): amount for key, amount in rates.items()}
    _check(graded)
    tariff_id = rows.next_id(conn, ledger_id, t.tariff.c.id)
    conn.execute(
        insert(t.tariff).values(
            ledger_id=ledger_id,
            id=tariff_id,
            from_s=from_s,
            note=note,
            drafted_by=drafted_by,
            drafted_s=now_s,
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

    Raises NotFound, SameApprover, Backdated.
    """
    found = tariff(conn, ledger_id, tariff_id)
    if staff_id in found.approved_by:
        raise SameApprover("You have approved this tariff; the other signature is a colleague's.")
    if not found.approved and len(found.approved_by) + 1 >= APPROVALS:
        _check_date(conn, ledger_id, found, now_s)
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
        )
        for row in rows
    ]


def rate_at(
    versions: list[Tariff], fraction: str, effective_s: int, grade: str = GRADE
) -> Rate | None:
    """Return the rate of the approved version in force at a moment; None without one."""
    in_force = [v for v in versions if v.approved and v.from_s <= effective_s]
    if not in_force:
        return None
    newest = max(in_force, key=lambda v: (v.from_s, v.id))
    amount = newest.rates.get((fraction, grade))
    return None if amount is None else Rate(newest.id, amount)


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


def _check_date(conn: Connection, ledger_id: int, found: Tariff, now_s: int) -> None:
    """Deposits up to now may be valued already, unless nothing was ever in force."""
    latest = max((v.from_s for v in tariffs(conn, ledger_id) if v.approved), default=None)
    if latest is not None and found.from_s <= max(latest, now_s):
        raise Backdated("A new tariff starts in the future and after the one before it.")
