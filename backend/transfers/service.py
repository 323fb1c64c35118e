"""Booking groups of transfers for people, and reading them back.

The rules are checked on what the books hold before the poster is asked; limits, and whether a
transfer was corrected before, are decided under the poster's lock.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from backend import tables as t
from backend.access.service import Who
from backend.accounts import service as accounts
from backend.errors import Forbidden, NotFound
from backend.idempotency import answered, named
from backend.ledger import tables as ledger
from backend.ledger.transfers import MAX_LEGS, Code, Group, Leg, State
from backend.services import Services
from backend.transfers import rules
from backend.transfers.rules import Original

_BOOK, _CORRECT = "transfers:book", "transfers:correct"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer as it was booked; `code` and `state` in small letters.

    `pending` reserves, `post` and `void` settle the hold `pending_id`, `single` moves at once.
    """

    id: int
    group_id: int
    debit_account_id: int
    credit_account_id: int
    amount: int
    code: str
    state: str
    pending_id: int | None
    corrects_id: int | None
    effective_s: int
    recorded_us: int


@dataclass(frozen=True, slots=True)
class Booked:
    """A group: who asked for it and why, where that is known (not for what records brought)."""

    group_id: int
    transfers: tuple[Transfer, ...]
    booked_by: str | None
    reason: str | None
    replayed: bool = False


def book(
    services: Services,
    who: Who,
    legs: Sequence[Leg],
    *,
    effective_s: int | None,
    reason: str,
    key: str,
) -> Booked:
    """Book all legs or none, once for each key.

    Raises Forbidden, BadInput, NotFound before the books are asked; then what they refuse,
    KeyReused, InProgress, BooksBusy.
    """
    now_s = services.now_s()
    asked = {"legs": [asdict(leg) for leg in legs], "effective_s": effective_s, "reason": reason}
    idempotency = named("transfer", who.signature, key, asked)
    with services.read() as conn:
        _authorise(conn, who, legs, effective_s)
        if effective_s is not None:
            rules.check_time(effective_s, _opened_s(conn, who.ledger_id), now_s)
        known = answered(conn, who.ledger_id, idempotency)
        if not known:
            _check(conn, who.ledger_id, legs)
    rows: list[tuple[Any, dict[str, Any]]] = [
        (t.booking, {"booked_by": who.signature, "reason": reason})
    ]
    rows += [(t.correction, {"corrects_id": leg.corrects_id}) for leg in legs if leg.corrects_id]
    group = Group(tuple(legs), effective_s or now_s, idempotency, tuple(rows))
    posted = services.poster.submit(group).result()
    with services.read() as conn:
        return group_of(conn, who.ledger_id, posted.group_id, replayed=posted.replayed)


def group_of(conn: Connection, ledger_id: int, group_id: int, *, replayed: bool = False) -> Booked:
    """Raises NotFound."""
    row, by = ledger.transfer.c, t.booking.c
    found = conn.execute(
        select(ledger.transfer)
        .where(
            row.ledger_id == ledger_id,
            row.id.between(group_id, group_id + MAX_LEGS - 1),
            row.group_id == group_id,
        )
        .order_by(row.id)
    ).all()
    if not found:
        raise NotFound("There is no such group of transfers.")
    booking = conn.execute(
        select(t.booking).where(by.ledger_id == ledger_id, by.group_id == group_id)
    ).one_or_none()
    return Booked(
        group_id,
        tuple(_transfer(each) for each in found),
        booking.booked_by if booking else None,
        booking.reason if booking else None,
        replayed,
    )


def transfer(conn: Connection, ledger_id: int, transfer_id: int) -> Transfer:
    """Raises NotFound."""
    row = ledger.transfer.c
    query = select(ledger.transfer).where(row.ledger_id == ledger_id, row.id == transfer_id)
    found = conn.execute(query).one_or_none()
    if found is None:
        raise NotFound("There is no such transfer.")
    return _transfer(found)


def seen_by(conn: Connection, who: Who, transfers: Sequence[Transfer]) -> tuple[Transfer, ...]:
    """What the caller may see of these: a resident, those of their own account.

    Raises Forbidden for staff without the scope, NotFound if there is nothing for a resident.
    """
    who.require_if_staff("transfers:read")
    ends = {end for t in transfers for end in (t.debit_account_id, t.credit_account_id)}
    owners = accounts.owners(conn, who.ledger_id, ends)
    if who.kind != "resident":
        who.saw("transfers:read", *sorted(set(owners.values())))
        return tuple(transfers)
    theirs = who.reach("statements:read")
    mine = {account_id for account_id, person_id in owners.items() if person_id in theirs}
    seen = tuple(t for t in transfers if mine & {t.debit_account_id, t.credit_account_id})
    if not seen:
        raise NotFound("There is no such transfer of yours.")
    who.saw("statements:read", *sorted({owners[account_id] for account_id in mine}))
    return seen


def _authorise(conn: Connection, who: Who, legs: Sequence[Leg], effective_s: int | None) -> None:
    if who.kind == "resident":
        own = accounts.owned(conn, who.ledger_id, who.id)
        if effective_s is not None:
            raise Forbidden("You may pay from your own account, and at this moment.")
        rules.check_payer(legs, own)
        return
    scopes = {_CORRECT if leg.code == Code.CORRECT else _BOOK for leg in legs}
    for scope in scopes:
        who.require(scope)
    note(conn, who, min(scopes), {end for leg in legs for end in (leg.debit, leg.credit)})


def note(conn: Connection, who: Who, scope: str, account_ids: Collection[int]) -> None:
    """That staff move what is on these accounts is in the log, of each whose account it is."""
    owners = accounts.owners(conn, who.ledger_id, account_ids)
    who.note(scope, sorted(set(owners.values())) or (None,))


def _check(conn: Connection, ledger_id: int, legs: Sequence[Leg]) -> None:
    row, done = ledger.transfer.c, t.correction.c
    payments = [leg for leg in legs if leg.code == Code.PAY]
    of = {each for leg in payments for each in (leg.debit, leg.credit)}
    rules.check_payments(legs, accounts.members(conn, ledger_id, of))
    named_ids = {leg.corrects_id for leg in legs if leg.corrects_id is not None}
    found = conn.execute(
        select(row.id, row.debit, row.credit, row.amount, row.state).where(
            row.ledger_id == ledger_id, row.id.in_(named_ids)
        )
    )
    originals = {each.id: Original(*each[1:]) for each in found}
    corrected = conn.scalars(
        select(done.corrects_id).where(done.ledger_id == ledger_id, done.corrects_id.in_(named_ids))
    )
    issuer = ledger.currency.c
    issuers = conn.scalars(
        select(issuer.issuer_account_id).where(issuer.ledger_id == ledger_id)
    ).all()
    rules.check_corrections(legs, originals, set(issuers), set(corrected))


def _opened_s(conn: Connection, ledger_id: int) -> int:
    head = ledger.ledger_head.c
    opened_us = conn.scalar(select(head.opened_us).where(head.ledger_id == ledger_id)) or 0
    return -(-opened_us // 1_000_000)


def _transfer(row: Row[Any]) -> Transfer:
    return Transfer(
        row.id,
        row.group_id,
        row.debit,
        row.credit,
        row.amount,
        accounts.word(row.code),
        State(row.state).name.lower(),
        row.pending_id,
        row.corrects_id,
        row.effective_s,
        row.recorded_us,
    )
