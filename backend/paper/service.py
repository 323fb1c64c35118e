"""Slips from numbered books: one person enters, another confirms, then it is booked exactly once.

How a confirmed slip comes into the books is in `booking`.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, insert, select

from backend import rows
from backend.cards import service as cards
from backend.compost import service as compost
from backend.errors import AlreadyDecided, BadInput, NotFound, SameApprover, Taken
from backend.ledger.tables import record, resolution, transfer
from backend.ledger.transfers import Code
from backend.paper import booking
from backend.paper import tables as t
from backend.paper.booking import DESK
from backend.services import Services
from backend.tables import device
from backend.towns import service as towns
from firmware import contract

DEPOSIT, REDEMPTION = "deposit", "redemption"
WAITING, CONFIRMED, REJECTED = "waiting", "confirmed", "rejected"
MOST_G = 2_000_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What is on a slip. `gross_g` less `tare_g` is what was brought or handed out."""

    kind: str
    book: int
    number: int
    gross_g: int
    tare_g: int
    happened_s: int
    fraction: str | None = None
    product_id: int | None = None
    point_id: int | None = None
    counter_id: int = 0
    e_g: int = 20
    note: str = ""


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip and how far it is: `outcome` is what the books said, None before they were asked.

    `state` is waiting (for the second signature), confirmed or rejected. `short_amount` is what
    the holder of a redemption lacked and the town bears.
    """

    id: int
    facts: Facts
    person_id: int
    entered_by: str
    entered_s: int
    state: str
    signed_by: str | None
    signed_s: int | None
    reason: str
    outcome: str | None
    amount: int | None
    receipt: str | None
    short_amount: int = 0


def enter(services: Services, facts: Facts, card: str, *, entered_by: str) -> Slip:
    """Enter a slip, with the number of the card that is written on it. Raises BadInput, NotFound,
    BadNumber, and Taken for a slip that was entered already and not rejected.
    """
    _check(facts)
    ledger_id, now_s = services.ledger_id, services.now_s()
    if facts.happened_s > now_s:
        raise BadInput("What is on paper has happened; its date is in the future.")
    with services.begin() as conn:
        person_id = cards.by_number(conn, ledger_id, card).person_id
        booking.require_bookable(conn, ledger_id, facts)
        if facts.point_id is not None:
            towns.point(conn, ledger_id, facts.point_id)
        same = _named(facts.book, facts.number)
        for earlier in slips(conn, ledger_id, *same):
            if earlier.state != REJECTED:
                raise Taken(
                    f"Slip {facts.number} of book {facts.book} was entered already "
                    f"({earlier.state}). Reject that one first if it is wrong."
                )
        slip_id = rows.next_id(conn, ledger_id, t.paper_slip.c.id)
        values = {name: getattr(facts, name) for name in Facts.__slots__}
        values |= {"id": slip_id, "person_id": person_id, "entered_by": entered_by}
        conn.execute(insert(t.paper_slip).values(ledger_id=ledger_id, entered_s=now_s, **values))
        return slip(conn, ledger_id, slip_id)


def reject(services: Services, slip_id: int, *, by: str, reason: str) -> Slip:
    """Say that a slip is not as it was entered; its number is free again.

    So is one that was signed, if it can never be booked. Raises NotFound, SameApprover,
    AlreadyDecided.
    """
    with services.begin() as conn:
        found = slip(conn, services.ledger_id, slip_id)
        if found.state == CONFIRMED and _is_stuck(conn, services.ledger_id, found):
            _withdraw(conn, services, found, by, reason)
            return slip(conn, services.ledger_id, slip_id)
        if found.state != WAITING:
            raise AlreadyDecided(f"This slip is {found.state} already.")
        _sign(conn, services, found, REJECTED, by, reason)
        return slip(conn, services.ledger_id, slip_id)


def confirm(services: Services, slip_id: int, *, by: str) -> Slip:
    """Sign a slip as the second person, and book it; asked again it books nothing more.

    What the holder lacks for a redemption is borne by the town (`booking`). Raises NotFound,
    SameApprover, AlreadyDecided, BadInput, and InsufficientFunds where the books have not so much
    compost: the signature stays, and confirming again tries again.
    """
    with services.begin() as conn:
        found = slip(conn, services.ledger_id, slip_id)
        if found.state == REJECTED:
            raise AlreadyDecided("This slip was rejected. Enter it anew.")
        if found.state == WAITING:
            booking.require_bookable(conn, services.ledger_id, found.facts)
            _sign(conn, services, found, CONFIRMED, by, "")
            found = slip(conn, services.ledger_id, slip_id)
        if found.outcome is None:
            booking.provision(services, conn, found.facts.book)
    if found.outcome is None:
        book = booking.deposit if found.facts.kind == DEPOSIT else booking.redemption
        book(services, found)
    with services.read() as conn:
        return slip(conn, services.ledger_id, slip_id)


def slip(conn: Connection, ledger_id: int, slip_id: int) -> Slip:
    """Raises NotFound."""
    for found in slips(conn, ledger_id, t.paper_slip.c.id == slip_id):
        return found
    raise NotFound("There is no such slip.")


def slips(
    conn: Connection, ledger_id: int, *only: ColumnElement[bool], limit: int = 200
) -> list[Slip]:
    """Return slips, newest first, each with its signatures and what the books said."""
    row, sign, made = t.paper_slip.c, t.paper_signature.c, t.paper_booking.c
    back = t.paper_withdrawal.c
    booked, last = record.c, resolution.c
    joined = (
        t.paper_slip.outerjoin(
            t.paper_signature, (sign.ledger_id == row.ledger_id) & (sign.slip_id == row.id)
        )
        .outerjoin(t.paper_withdrawal, (back.ledger_id == row.ledger_id) & (back.slip_id == row.id))
        .outerjoin(t.paper_booking, (made.ledger_id == row.ledger_id) & (made.slip_id == row.id))
        .outerjoin(device, (device.c.ledger_id == row.ledger_id) & (device.c.id == DESK))
        .outerjoin(
            record,
            (booked.ledger_id == row.ledger_id)
            & (booked.source_id == device.c.source_id)
            & (booked.epoch == row.book)
            & (booked.seq == row.number)
            & (sign.outcome == CONFIRMED)
            & (row.kind == DEPOSIT),
        )
        .outerjoin(
            resolution,
            (last.ledger_id == booked.ledger_id)
            & (last.source_id == booked.source_id)
            & (last.epoch == booked.epoch)
            & (last.seq == booked.seq),
        )
    )
    query = (
        select(
            t.paper_slip,
            case((back.slip_id.is_not(None), REJECTED), else_=sign.outcome).label("signed"),
            func.coalesce(back.withdrawn_by, sign.signed_by).label("signed_by"),
            func.coalesce(back.withdrawn_s, sign.signed_s).label("signed_s"),
            func.coalesce(back.reason, sign.reason).label("reason"),
            made.group_id,
            _short_amount(row, device.c).label("short_amount"),
            booked.outcome.label("first"),
            booked.amount.label("first_amount"),
            last.outcome.label("last"),
            last.amount.label("last_amount"),
        )
        .select_from(joined)
        .where(row.ledger_id == ledger_id, *only)
        .order_by(row.id.desc())
        .limit(limit)
    )
    return [_slip(each) for each in conn.execute(query)]


def _slip(row: Any) -> Slip:
    outcome = row.last or row.first or ("handed_over" if row.group_id is not None else None)
    return Slip(
        row.id,
        Facts(**{name: getattr(row, name) for name in Facts.__slots__}),
        row.person_id,
        row.entered_by,
        row.entered_s,
        row.signed or WAITING,
        row.signed_by,
        row.signed_s,
        row.reason or "",
        outcome,
        row.last_amount if row.last else row.first_amount,
        None if row.group_id is None else compost.receipt_number(row.group_id),
        0 if row.signed == REJECTED else int(row.short_amount),
    )


def _short_amount(slip_: Any, desk: Any) -> Any:
    part = transfer.c
    return (
        select(func.coalesce(func.sum(part.amount), 0))
        .where(
            part.ledger_id == slip_.ledger_id,
            part.source_id == desk.source_id,
            part.epoch == slip_.book,
            part.seq == slip_.number,
            part.code == int(Code.SHORTFALL),
        )
        .correlate(t.paper_slip, device)
        .scalar_subquery()
    )


def _named(book: int, number: int) -> tuple[ColumnElement[bool], ...]:
    return (t.paper_slip.c.book == book, t.paper_slip.c.number == number)


def _check(facts: Facts) -> None:
    if facts.kind not in (DEPOSIT, REDEMPTION):
        raise BadInput(f"A slip is of a {DEPOSIT} or a {REDEMPTION}.")
    if not 0 <= facts.tare_g < facts.gross_g <= MOST_G:
        raise BadInput(f"A slip's gross weight is above its tare, up to {MOST_G} g.")
    if facts.kind == DEPOSIT and facts.fraction not in contract.FRACTIONS:
        names = ", ".join(contract.FRACTIONS)
        raise BadInput(f"A deposit names its fraction. Choose among: {names}.")
    if facts.kind == REDEMPTION and facts.product_id is None:
        raise BadInput("A redemption names its product.")


def _is_stuck(conn: Connection, ledger_id: int, found: Slip) -> bool:
    """Whether it was signed although it cannot be booked: earlier versions took such slips."""
    if found.outcome is not None:
        return False
    try:
        booking.require_bookable(conn, ledger_id, found.facts)
    except (BadInput, NotFound):
        return True
    return False


def _withdraw(conn: Connection, services: Services, found: Slip, by: str, reason: str) -> None:
    _require_another(found, by)
    conn.execute(
        insert(t.paper_withdrawal).values(
            ledger_id=services.ledger_id,
            slip_id=found.id,
            reason=reason,
            withdrawn_by=by,
            withdrawn_s=services.now_s(),
        )
    )


def _require_another(found: Slip, by: str) -> None:
    if found.entered_by == by:
        raise SameApprover("Somebody else than who entered a slip signs it.")


def _sign(
    conn: Connection, services: Services, found: Slip, outcome: str, by: str, reason: str
) -> None:
    _require_another(found, by)
    conn.execute(
        insert(t.paper_signature).values(
            ledger_id=services.ledger_id,
            slip_id=found.id,
            outcome=outcome,
            reason=reason,
            signed_by=by,
            signed_s=services.now_s(),
        )
    )
