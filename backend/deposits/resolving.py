"""A person's last word on deposits that wait, and second tries for bytes nobody had signed.

All money moves through the poster, once a record. A call that is repeated resolves what is
left and nothing twice.
"""

import logging
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from backend import tables as t
from backend.accounts import service as accounts
from backend.cards import service as cards
from backend.cards.service import Holder
from backend.deposits import judging, keeping, provisional
from backend.deposits.envelope import Signed, Unsigned, open_signed
from backend.deposits.provisional import Due
from backend.devices import service as devices
from backend.errors import AlreadyDecided
from backend.ledger.errors import NotResolvable, Refused
from backend.ledger.resolve import Resolution, Resolved
from backend.ledger.tables import record as booked
from backend.ledger.tables import resolution as decided
from backend.people import service as people
from backend.services import Services

logger = logging.getLogger(__name__)

# What is written where time has decided, and nobody's signature.
NOBODY_DECIDED, PROGRAMME = "nobody_decided", "programme"
PAGE = 500
RECORD_NAME = ("source_id", "epoch", "seq")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits for a person."""

    source_id: int
    epoch: int
    seq: int
    outcome: str
    reason: str
    card_ref: str | None
    account_id: int | None
    effective_s: int
    amount: int


def resolve(
    services: Services,
    device: str,
    epoch: str,
    seq: int,
    *,
    person_id: int | None,
    reason: str,
    decided_by: str,
    amount: int | None = None,
) -> Resolved:
    """Credit a waiting record to a person, or refuse it (None).

    Raises NotFound, and what the ledger refuses.
    """
    with services.read() as conn:
        source_id = devices.device(conn, services.ledger_id, device).source_id
        holder = None
        if person_id is not None:
            holder = people.person(conn, services.ledger_id, person_id)
    asked = Resolution(
        source_id,
        int(epoch, 16),
        seq,
        holder.account_id if holder else None,
        reason,
        decided_by,
        amount,
    )
    return services.poster.submit(asked).result()


def whose(services: Services, device: str, epoch: str, seq: int) -> set[int]:
    """Return whom a record is about: its card's holder, and whose account it was meant for.

    Nobody, while its card is in no register. Raises NotFound for an unknown device.
    """
    with services.read() as conn:
        ledger_id = services.ledger_id
        name = (devices.device(conn, ledger_id, device).source_id, int(epoch, 16), seq)
        same = [booked.c[column] == value for column, value in zip(RECORD_NAME, name, strict=True)]
        query = select(booked.c.card_ref, booked.c.account_id)
        found: set[int] = set()
        for row in conn.execute(query.where(booked.c.ledger_id == ledger_id, *same)):
            refs = [bytes.fromhex(row.card_ref)] if row.card_ref else []
            found |= {each.person_id for each in cards.holders(conn, ledger_id, refs).values()}
            meant = [] if row.account_id is None else [row.account_id]
            found |= set(accounts.owners(conn, ledger_id, meant).values())
        return found


def confirm_epoch(services: Services, device: str, epoch: str, *, decided_by: str) -> int:
    """Vouch for a device's new journal and pay what was held for it; return how many.

    May be repeated: what came in between is released too. Raises NotFound.
    """
    ledger_id, now_s = services.ledger_id, services.now_s()
    with services.begin() as conn:
        with suppress(AlreadyDecided):  # then this call sees to what is still held
            devices.accept_epoch(conn, ledger_id, device, epoch, decided_by=decided_by, now_s=now_s)
        source_id = devices.device(conn, ledger_id, device).source_id
    held = (
        booked.c.outcome == "held",
        booked.c.reason == "new_epoch",
        booked.c.source_id == source_id,
        booked.c.epoch == int(epoch, 16),
    )
    return _pay(services, held, "epoch_confirmed", decided_by)


def pay_provisional(services: Services) -> int:
    """Credit what is held until a moment that has passed, where nobody has decided; how many.

    What its account cannot take now stays held, and is tried again the next time. What was looked
    at once is not read again, however long the history grows.
    """
    ledger_id, now_s = services.ledger_id, services.now_s()
    with services.read() as conn:
        due = provisional.stuck(conn, ledger_id)
    paid, left = _pay_due(services, due, None) if due else (0, 0)
    while True:
        with services.read() as conn:
            due, upto_s = provisional.due(conn, ledger_id, now_s, PAGE)
        if upto_s is None:
            break
        more, stay = _pay_due(services, due, upto_s)
        paid, left = paid + more, left + stay
    if left:
        logger.warning("%d provisional credits are due and stay held.", left)
    return paid


def _pay_due(services: Services, due: list[Due], upto_s: int | None) -> tuple[int, int]:
    """Credit due records, and note which of them stay held; (how many were paid, how many stay).

    Raises NotNow before anything is noted.
    """
    answers: list[Resolved | Exception] = []
    for first in range(0, len(due), PAGE):
        asked = [Resolution(*each, NOBODY_DECIDED, PROGRAMME) for each in due[first : first + PAGE]]
        answers += services.poster.submit_all(asked).result()
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, Refused):
            raise answer
    stay = [
        each
        for each, answer in zip(due, answers, strict=True)
        if isinstance(answer, Refused) and not isinstance(answer, NotResolvable)
    ]
    with services.begin() as conn:
        done = set(due).difference(stay) if upto_s is None else ()
        provisional.looked_at(conn, services.ledger_id, done, stay, upto_s)
    return sum(isinstance(answer, Resolved) for answer in answers), len(stay)


def claim_for_cards(services: Services, uid_hashes: Collection[bytes], *, decided_by: str) -> int:
    """Pay cards' holders what was brought with the cards before anybody knew them."""
    suspended = (
        booked.c.outcome == "suspended",
        booked.c.reason == "unknown_card",
        booked.c.card_ref.in_([each.hex() for each in uid_hashes]),
    )
    return _pay(services, suspended, "card_issued", decided_by)


def requeue(services: Services, device: str) -> dict[str, int]:
    """Try the kept bytes of a device again, after its key was registered; count the outcomes.

    What is still not truly signed stays where it is. Raises NotFound.
    """
    mine = (t.refused.c.ledger_id == services.ledger_id, t.refused.c.device == device)
    with services.read() as conn:
        devices.device(conn, services.ledger_id, device)
        rows = conn.execute(select(t.refused).where(*mine).limit(keeping.KEPT_PER_DEVICE)).all()
        view = services.facts.view(conn)
        signed: list[tuple[bytes, int | None, Signed]] = []
        for row in rows:
            try:
                opened = open_signed(
                    view.device, device, "record", row.sent.decode(), row.received_s
                )
            except Unsigned:
                continue
            signed.append((row.hash, row.attestation_id, opened))
    with services.begin() as conn:
        keeping.journals(conn, services.ledger_id, [each for _h, _a, each in signed])
    counts: dict[str, int] = {}
    for digest, attestation_id, each in signed:
        with services.read() as conn:
            view = services.facts.view(conn)
            entry = judging.entries(services, conn, view, [each], attestation_id)[0]
        outcome = services.poster.submit(entry).result().outcome
        counts[outcome] = counts.get(outcome, 0) + 1
        with services.begin() as conn:
            keeping.drop(conn, services.ledger_id, t.refused.c.hash == digest)
    return counts


def waiting(
    conn: Connection, ledger_id: int, *which: ColumnElement[bool], limit: int | None = None
) -> list[Waiting]:
    """Return records that wait for a person, oldest first."""
    same = [booked.c[name] == decided.c[name] for name in ("ledger_id", *RECORD_NAME)]
    query = (
        select(booked)
        .where(
            booked.c.ledger_id == ledger_id,
            booked.c.outcome.in_(("held", "suspended")),
            ~select(decided.c.seq).where(*same).exists(),
            *which,
        )
        .order_by(booked.c.effective_s, booked.c.source_id, booked.c.seq)
        .limit(limit)
    )
    return [
        Waiting(
            row.source_id,
            row.epoch,
            row.seq,
            row.outcome,
            row.reason,
            row.card_ref,
            row.account_id,
            row.effective_s,
            row.amount,
        )
        for row in conn.execute(query)
    ]


def _pay(
    services: Services, which: tuple[ColumnElement[bool], ...], reason: str, decided_by: str
) -> int:
    """Credit everything that waits and has somebody to go to; return how many records."""
    with services.read() as conn:
        rows = waiting(conn, services.ledger_id, *which)
        refs = {bytes.fromhex(row.card_ref) for row in rows if row.card_ref}
        holders = cards.holders(conn, services.ledger_id, refs)
    asked: list[Future[Resolved]] = []
    for row in rows:
        account_id = _account(row, holders)
        if account_id is not None:
            name = (row.source_id, row.epoch, row.seq)
            asked.append(services.poster.submit(Resolution(*name, account_id, reason, decided_by)))
    paid = 0
    for future in asked:
        with suppress(NotResolvable):  # a colleague was faster
            future.result()
            paid += 1
    return paid


def _account(row: Waiting, holders: dict[bytes, Holder]) -> int | None:
    """Return who a waiting record belongs to; a blocked card's waits for a person's decision."""
    holder = holders.get(bytes.fromhex(row.card_ref)) if row.card_ref else None
    if row.account_id is not None or holder is None:
        return row.account_id
    first_s = min(from_s for from_s, _state in holder.states)
    before_issue = row.effective_s < first_s
    return holder.account_id if before_issue or holder.active_at(row.effective_s) else None
