"""Reading deposits: a resident's own, each with what its credit rests on, and what waits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select, tuple_

from backend import tables as t
from backend.errors import BadInput, NotFound
from backend.ledger.erasure import Opener
from backend.ledger.tables import KEY, claim, transfer
from backend.ledger.tables import record as booked
from backend.ledger.tables import resolution as decided
from backend.ledger.transfers import HELD, QUEUED, signed64
from backend.people import service as people
from backend.vault import Vault
from firmware import contract

RULE = "net weight x credit per kilogram / 1000, rounded half up"
PAGE = 50
NAME = KEY[1:]
ORDER = [booked.c[name] for name in ("effective_s", *NAME)]


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit with its whole explanation. `outcome` is the last word on it.

    `cursor` says where the next page starts, also among deposits of one second.
    `basis` says what its time rests on: the device's clock, rebuilt, or when it was received.
    `amount` is in minor units; `calibration` is the number of the one in force.
    `until_s` says when what is held is credited, if nobody has decided otherwise by then.
    What a person's erasure took away is None.
    """

    device: str
    epoch: str
    seq: int
    point: str | None
    fraction: str | None
    grade: str | None
    waste_code: str | None
    effective_s: int
    basis: str
    received_s: int
    before_g: int | None
    after_g: int | None
    net_g: int | None
    e_g: int | None
    calibration: int | None
    outcome: str
    reason: str
    until_s: int | None
    amount: int
    tariff_id: int | None
    amount_per_kg: int | None
    rule: str
    transfer_id: int | None
    cursor: str


def of_person(
    conn: Connection,
    ledger_id: int,
    person_id: int,
    *,
    before: str | None = None,
    before_s: int | None = None,
    limit: int = PAGE,
    vault: Vault | None = None,
) -> list[Deposit]:
    """Return a person's deposits, newest first: those after the cursor `before` of the page
    that was seen last, those that happened before `before_s`. Raises NotFound, BadInput.

    With the vault what was sealed is opened, unless it was erased.
    """
    account_id = people.person(conn, ledger_id, person_id).account_id
    only: list[ColumnElement[bool]] = []
    if before is not None:
        only.append(tuple_(*ORDER) < _place(before))
    if before_s is not None:
        only.append(booked.c.effective_s < before_s)
    newest_first = [column.desc() for column in ORDER]
    rows = [
        row
        for theirs in (_meant_for(account_id), _given_to(ledger_id, account_id))
        for row in conn.execute(
            _query(ledger_id).where(*theirs, *only).order_by(*newest_first).limit(limit)
        )
    ]
    rows.sort(key=lambda row: (row.effective_s, row.source_id, signed64(row.epoch), row.seq))
    opener = None if vault is None else Opener(conn, ledger_id, vault)
    return [_deposit(row, opener) for row in rows[: -limit - 1 : -1]]


def own(
    conn: Connection,
    ledger_id: int,
    person_id: int,
    device: str,
    epoch: str,
    seq: int,
    vault: Vault | None = None,
) -> Deposit:
    """Return one deposit of a person's own. Raises NotFound, for somebody else's as well."""
    account_id = people.person(conn, ledger_id, person_id).account_id
    row = conn.execute(
        _query(ledger_id).where(
            (booked.c.account_id == account_id) | (decided.c.account_id == account_id),
            t.device.c.id == device,
            booked.c.epoch == int(epoch, 16),
            booked.c.seq == seq,
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such deposit of yours.")
    return _deposit(row, None if vault is None else Opener(conn, ledger_id, vault))


def waiting(conn: Connection, ledger_id: int, *, limit: int = PAGE) -> list[Deposit]:
    """Return what is held or suspended without a last word, oldest first."""
    query = (
        _query(ledger_id)
        .where(booked.c.outcome.in_(("held", "suspended")), decided.c.outcome.is_(None))
        .order_by(booked.c.effective_s, booked.c.source_id, booked.c.seq)
        .limit(limit)
    )
    return [_deposit(row) for row in conn.execute(query)]


def provisional(conn: Connection, ledger_id: int, account_id: int, now_s: int) -> list[Deposit]:
    """Return what is held for an account and credited by itself, the next to come first."""
    mine = (booked.c.account_id == account_id, booked.c.until_s > now_s)
    open_ = (decided.c.seq.is_(None), claim.c.seq.is_(None))
    query = _query(ledger_id).where(*mine, *open_).order_by(booked.c.until_s, *ORDER).limit(PAGE)
    return [_deposit(row) for row in conn.execute(query)]


def _meant_for(account_id: int) -> list[ColumnElement[bool]]:
    """Records whose card led to the account at once: found by the record's own index."""
    return [booked.c.account_id == account_id]


def _given_to(ledger_id: int, account_id: int) -> list[ColumnElement[bool]]:
    """Records that a person or a claim gave to the account later: found by its transfers."""
    paid = select(*(transfer.c[name] for name in NAME)).where(
        transfer.c.ledger_id == ledger_id,
        transfer.c.credit == account_id,
        transfer.c.source_id.is_not(None),
    )
    other = booked.c.account_id.is_distinct_from(account_id)
    return [tuple_(*(booked.c[name] for name in NAME)).in_(paid), other]


def _place(cursor: str) -> tuple[int, ...]:
    """Raises BadInput."""
    try:
        effective_s, source_id, epoch, seq = cursor.split(".")
        place = int(effective_s), int(source_id), int(epoch, 16), int(seq)
        if min(place) < 0 or place[2] >= 2**64 or max(place[0], place[1], place[3]) >= 2**53:
            raise ValueError
    except ValueError:
        raise BadInput("This page's cursor is none of ours.") from None
    return place


def _query(ledger_id: int) -> Any:
    """Select records with their device, point and last word."""
    same = [booked.c[name] == decided.c[name] for name in KEY]
    claimed = [booked.c[name] == claim.c[name] for name in KEY]
    device, point = t.device.c, t.point.c
    return (
        select(
            booked,
            device.id.label("device"),
            point.name.label("point"),
            decided.c.outcome.label("last_outcome"),
            decided.c.reason.label("last_reason"),
            decided.c.amount.label("last_amount"),
            decided.c.transfer_id.label("last_transfer_id"),
            claim.c.amount.label("claimed"),
        )
        .join(
            t.device,
            and_(device.ledger_id == booked.c.ledger_id, device.source_id == booked.c.source_id),
        )
        .outerjoin(
            t.point,
            and_(point.ledger_id == booked.c.ledger_id, point.id == booked.c.point_id),
        )
        .outerjoin(decided, and_(*same))
        .outerjoin(claim, and_(*claimed))
        .where(booked.c.ledger_id == ledger_id, booked.c.fraction.is_not(None))
    )


def _deposit(row: Row[Any], opener: Opener | None = None) -> Deposit:
    raw: bytes | None = row.jws
    if row.sealed_for is not None:
        raw = None if opener is None else opener.open(row)
    body = body_of(raw) if raw else {}
    outcome, reason, amount = row.outcome, row.reason, row.amount
    if row.last_outcome is not None:
        outcome, reason, amount = row.last_outcome, row.last_reason, row.last_amount
    elif row.claimed is not None:  # also what was held at first, and had no budget in the end
        outcome, reason, amount = QUEUED, "no_budget", row.claimed
    return Deposit(
        device=row.device,
        epoch=f"{row.epoch:016x}",
        seq=row.seq,
        point=row.point,
        fraction=row.fraction,
        grade=row.grade,
        waste_code=contract.FRACTIONS.get(row.fraction),
        effective_s=row.effective_s,
        basis=row.basis,
        received_s=row.received_s,
        before_g=body.get("before_g"),
        after_g=body.get("after_g"),
        net_g=row.net_g,
        e_g=body.get("e_g"),
        calibration=body.get("cal"),
        outcome=outcome,
        reason=reason,
        until_s=row.until_s if outcome == HELD else None,
        amount=amount,
        tariff_id=row.tariff_id,
        amount_per_kg=row.amount_per_kg,
        rule=RULE,
        transfer_id=row.last_transfer_id or row.transfer_id,
        cursor=f"{row.effective_s}.{row.source_id}.{row.epoch:016x}.{row.seq}",
    )


def body_of(jws: bytes) -> Mapping[str, Any]:
    """Return the payload of a record that the books have: its envelope was checked then."""
    body: Mapping[str, Any] = json.loads(contract.unb64(jws.decode().split(".")[1]))
    return body
