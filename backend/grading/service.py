"""Which grade a deposit has: what the last inspection of its bin, its point or the town said.

A bin cannot see what is thrown into it. Somebody who opens it can, and says what grade its waste
has from now on, until the next one says otherwise. A bin's own inspection comes before its
point's, and that before the town's; one of the fraction before one of all. Like tariffs they are
dated forward and never edited, so that no weight is valued twice, however late its record comes.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from backend import rows
from backend import tables as t
from backend.errors import Backdated, BadInput, NotFound, UnknownFraction
from backend.grading.tables import inspection
from backend.tariffs.service import GRADE, tariffs
from backend.towns import service as towns
from firmware import contract


@dataclass(frozen=True, slots=True)
class Inspection:
    """`device` and `point_id` None: the whole town; `fraction` None: all of them."""

    id: int
    device: str | None
    point_id: int | None
    fraction: str | None
    grade: str
    from_s: int
    note: str
    inspected_by: str

    def speaks_of(
        self, device: str | None, point_id: int | None, fraction: str, effective_s: int
    ) -> bool:
        """Tell whether it is about a deposit."""
        here = self.device in (None, device) and self.point_id in (None, point_id)
        return here and self.fraction in (None, fraction) and self.from_s <= effective_s

    @property
    def narrowness(self) -> tuple[bool, bool, bool, int, int]:
        """What decides between two: the greater one's grade counts."""
        place = (self.device is not None, self.point_id is not None)
        return (*place, self.fraction is not None, self.from_s, self.id)


def grade_at(
    known: Collection[Inspection],
    fraction: str,
    effective_s: int,
    *,
    device: str | None,
    point_id: int | None,
) -> str:
    """Return the grade of what was brought at a place and moment."""
    about = [each for each in known if each.speaks_of(device, point_id, fraction, effective_s)]
    return max(about, key=lambda each: each.narrowness).grade if about else GRADE


def inspect(
    conn: Connection,
    ledger_id: int,
    *,
    grade: str,
    device: str | None = None,
    point_id: int | None = None,
    fraction: str | None = None,
    from_s: int,
    note: str = "",
    inspected_by: str,
    now_s: int,
) -> Inspection:
    """Say what grade something has from a moment on.

    Raises Backdated, BadInput for a grade without a rate, UnknownFraction, NotFound.
    """
    if from_s < now_s:
        raise Backdated("A grade holds from now on, or from later on: what was brought is valued.")
    if fraction is not None and fraction not in contract.FRACTIONS:
        names = ", ".join(contract.FRACTIONS)
        raise UnknownFraction(f"There is no fraction {fraction}. Choose among: {names}.")
    if device is not None and point_id is not None:
        raise BadInput("Name the bin or the collection point, not both.")
    if device is not None and not rows.exists(conn, t.device, ledger_id=ledger_id, id=device):
        raise NotFound("There is no such bin.")
    if point_id is not None:
        towns.point(conn, ledger_id, point_id)
    _check_rates(conn, ledger_id, grade, fraction)
    row = {
        "id": rows.next_id(conn, ledger_id, inspection.c.id),
        "device": device,
        "point_id": point_id,
        "fraction": fraction,
        "grade": grade,
        "from_s": from_s,
        "note": note,
        "inspected_by": inspected_by,
    }
    conn.execute(insert(inspection).values(ledger_id=ledger_id, entered_s=now_s, **row))
    towns.changed(conn, ledger_id)
    return Inspection(**row)  # type: ignore[arg-type]  # of one row


def inspections(conn: Connection, ledger_id: int) -> list[Inspection]:
    """Return every inspection, in the order in which they were written."""
    names = Inspection.__slots__
    query = select(*(inspection.c[name] for name in names))
    ordered = query.where(inspection.c.ledger_id == ledger_id).order_by(inspection.c.id)
    return [Inspection(*row) for row in conn.execute(ordered)]


def _check_rates(conn: Connection, ledger_id: int, grade: str, fraction: str | None) -> None:
    """A grade that no tariff has a rate for would leave people's waste without a credit."""
    rated = {
        each
        for version in tariffs(conn, ledger_id)
        if version.approved
        for each in version.rates
        if fraction in (None, each[0])
    }
    known = sorted({name for _, name in rated})
    if grade not in known:
        of = fraction or "anything"
        raise BadInput(
            f"No tariff in force has a rate for {of} of grade {grade!r}. There are: "
            f"{', '.join(known) or 'none'}. Draft a tariff with it first."
        )
