"""Deciding how credit melts: drafted by one, signed by two others, like a tariff.

The town's file may found a town with a rule, in the open, as long as nothing was booked. What
melts by the rules in force is the ledger's to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from backend import rows
from backend.errors import BadInput, Conflict, NotFound, SameApprover
from backend.kinds import tables as t
from backend.kinds.service import currency
from backend.ledger import melting, rules
from backend.ledger.errors import RowRefused
from backend.ledger.history import last_id
from backend.ledger.melt_terms import NO_MELTING, Melting, MeltRule
from backend.ledger.melting import Melt, Melted
from backend.ledger.rules import DecideMelting
from backend.services import Services

APPROVALS = 2


@dataclass(frozen=True, slots=True)
class Draft:
    """`approved_by` are staff ids; two of them put the rule in force at that moment."""

    id: int
    currency: str
    melting: Melting
    drafted_by: str
    drafted_s: int
    approved_by: tuple[int, ...]

    @property
    def approved(self) -> bool:
        return len(self.approved_by) >= APPROVALS


@dataclass(frozen=True, slots=True)
class InForce:
    """How a currency's credit melts since `from_s`."""

    currency: str
    melting: Melting
    from_s: int
    decided_by: str


def draft(
    conn: Connection, ledger_id: int, code: str, wanted: Melting, *, drafted_by: str, now_s: int
) -> Draft:
    """Write down a rule that is not in force yet. Raises NotFound, BadInput, BadRule."""
    money = currency(conn, ledger_id, code)
    wanted.check()
    if money.kind.issued_by == "nobody":
        raise BadInput(f"Nobody issues {code}: there is nobody whom it could go back to.")
    draft_id = rows.next_id(conn, ledger_id, t.melt_draft.c.id)
    conn.execute(
        insert(t.melt_draft).values(
            ledger_id=ledger_id,
            id=draft_id,
            currency_id=money.id,
            drafted_by=drafted_by,
            drafted_s=now_s,
            **{name: getattr(wanted, name) for name in Melting.__slots__},
        )
    )
    return _draft(conn, ledger_id, draft_id)


def approve(services: Services, draft_id: int, *, staff_id: int) -> Draft:
    """Sign a draft; the second signature puts it in force.

    Raises NotFound, SameApprover, Conflict where it is in force or another was decided since.
    """
    ledger_id, now_s = services.ledger_id, services.now_s()
    with services.begin() as conn:
        found = _draft(conn, ledger_id, draft_id)
        _check(conn, ledger_id, found, staff_id)
        place = len(found.approved_by) + 1
        signed = {"draft_id": draft_id, "place": place, "staff_id": staff_id, "approved_s": now_s}
        if place < APPROVALS:
            conn.execute(insert(t.melt_approval).values(ledger_id=ledger_id, **signed))
            return _draft(conn, ledger_id, draft_id)
        currency_id = currency(conn, ledger_id, found.currency).id
    by = f"melt draft {draft_id}"
    asked = DecideMelting(currency_id, found.melting, by, ((t.melt_approval, signed),))
    try:
        services.poster.submit(asked).result()
    except RowRefused as error:
        raise Conflict(f"Draft {draft_id} was signed by somebody else just now.") from error
    with services.read() as conn:
        return _draft(conn, ledger_id, draft_id)


def _check(conn: Connection, ledger_id: int, found: Draft, staff_id: int) -> None:
    if found.approved:
        raise Conflict(f"Draft {found.id} is in force already.")
    if found.drafted_by == f"staff:{staff_id}":
        raise SameApprover("You have drafted this rule; two colleagues approve it.")
    if staff_id in found.approved_by:
        raise SameApprover("You have approved this rule; the other signature is a colleague's.")
    for rule in in_force(conn, ledger_id):
        if rule.currency == found.currency and rule.from_s > found.drafted_s + 1:
            raise Conflict("Another rule was decided since this one was drafted: draft it anew.")


def drafts(conn: Connection, ledger_id: int) -> list[Draft]:
    """Every draft, in the order in which they were written."""
    approval, row = t.melt_approval, t.melt_draft
    signed: dict[int, list[int]] = {}
    by_place = select(approval).where(approval.c.ledger_id == ledger_id).order_by(approval.c.place)
    for each in conn.execute(by_place):
        signed.setdefault(each.draft_id, []).append(each.staff_id)
    codes = {each.id: each.code for each in rules.load(conn, ledger_id).money.values()}
    return [
        Draft(
            each.id,
            codes[each.currency_id],
            Melting(each.way, each.days, each.basis_points, each.free_amount),
            each.drafted_by,
            each.drafted_s,
            tuple(signed.get(each.id, ())),
        )
        for each in conn.execute(select(row).where(row.c.ledger_id == ledger_id).order_by(row.c.id))
    ]


def _draft(conn: Connection, ledger_id: int, draft_id: int) -> Draft:
    for found in drafts(conn, ledger_id):
        if found.id == draft_id:
            return found
    raise NotFound("There is no such draft of a rule.")


def in_force(conn: Connection, ledger_id: int) -> list[InForce]:
    """How each currency melts for which anything was ever decided."""
    found = rules.load(conn, ledger_id)
    newest = {rule.currency_id: rule for rule in found.melting.values()}
    return [
        InForce(found.money[each.currency_id].code, each.melting, each.from_s, each.decided_by)
        for each in newest.values()
    ]


def newest(conn: Connection, ledger_id: int, currency_id: int) -> MeltRule | None:
    """The rule in force of a currency, if credit in it melts."""
    mine = [
        rule
        for rule in rules.load(conn, ledger_id).melting.values()
        if rule.currency_id == currency_id
    ]
    return mine[-1] if mine and mine[-1].melting != NO_MELTING else None


def was_asked(conn: Connection, ledger_id: int, currency_id: int, wanted: Melting) -> bool:
    """Whether this was ever a rule or a draft: what people made of it since stays."""
    found = rules.load(conn, ledger_id)
    ever = {each.melting for each in found.melting.values() if each.currency_id == currency_id}
    code = found.money[currency_id].code
    return wanted in ever | {
        each.melting for each in drafts(conn, ledger_id) if each.currency == code
    }


def untouched(conn: Connection, ledger_id: int) -> bool:
    """Whether nothing was booked yet, so that a rule takes nothing from anybody."""
    return last_id(conn, ledger_id) == 0


def due(services: Services) -> bool:
    """Whether anything waits to melt at this moment."""
    with services.read() as conn:
        found = rules.load(conn, services.ledger_id)
        turn = melting.next_turn(conn, services.ledger_id, found, services.now_s())
    return turn is not None


def melt_due(services: Services) -> Iterator[Melted]:
    """Do all that is due, a batch a transaction; yields each batch that was done."""
    while due(services):
        batch = services.poster.submit(Melt()).result()
        if batch is None:
            return
        yield batch
