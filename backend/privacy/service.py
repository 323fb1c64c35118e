"""Erasing a person: what stands against it, and what is done when nothing does.

The accounts are closed first, through the books' own queue, so that nothing is credited between
the look and the deed; what comes later with the old card finds no card. What is left is numbers:
the books fold as before, the log's proofs hold, and the verifier counts what was erased.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from backend import rows
from backend import tables as t
from backend.cards import service as cards
from backend.deposits import tokens
from backend.deposits.envelope import Unsigned, open_signed
from backend.errors import AlreadyDecided, NotErasable
from backend.kinds import service as kinds
from backend.ledger import balances, erasure, rules
from backend.ledger import tables as ledger
from backend.ledger.loading import terms
from backend.ledger.resolve import Amend
from backend.people import lists
from backend.people import service as people
from backend.people.tables import enrolled_row
from backend.privacy.parts import DELETE, KEEP, PARTS, Part
from backend.privacy.tables import erasure as erased
from backend.services import Services


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done: keys destroyed, bytes in quarantine emptied."""

    person_id: int
    erased_s: int
    keys: int
    quarantined: int


def obstacles(conn: Connection, ledger_id: int, person_id: int) -> list[str]:
    """Return what stands against erasing a person, in words that name the cure. NotFound."""
    account_id = people.person(conn, ledger_id, person_id).account_id
    return [
        *_balances(conn, ledger_id, person_id),
        *_holds(conn, ledger_id, person_id),
        *_waiting(conn, ledger_id, account_id, _card_refs(conn, ledger_id, person_id)),
    ]


def erase(services: Services, person_id: int, *, reason: str, decided_by: str) -> Erased:
    """Erase a person. Raises NotFound, AlreadyDecided, NotErasable with all that stands against."""
    with services.read() as conn:
        _require_there(conn, services.ledger_id, person_id)
        _require_free(conn, services.ledger_id, person_id)
    before = _close(services, person_id)
    try:
        with services.begin() as conn:
            _require_there(conn, services.ledger_id, person_id)
            _require_free(conn, services.ledger_id, person_id)
            done = _erase(services, conn, person_id, reason, decided_by)
    except NotErasable:
        for asked in before:  # something came in between: all is as it was
            services.poster.submit(asked).result()
        raise
    services.sessions.close_all(services.ledger_id, "resident", person_id)
    return done


def is_erased(conn: Connection, ledger_id: int, person_id: int) -> bool:
    return rows.exists(conn, erased, ledger_id=ledger_id, person_id=person_id)


def _require_there(conn: Connection, ledger_id: int, person_id: int) -> None:
    people.person(conn, ledger_id, person_id)
    if is_erased(conn, ledger_id, person_id):
        raise AlreadyDecided("This person was erased before.")


def _require_free(conn: Connection, ledger_id: int, person_id: int) -> None:
    found = obstacles(conn, ledger_id, person_id)
    if found:
        raise NotErasable("This person cannot be erased yet. " + " ".join(found))


def _balances(conn: Connection, ledger_id: int, person_id: int) -> Iterator[str]:
    scales = {money.code: money.scale for money in rules.load(conn, ledger_id).money.values()}
    for account_id, code in kinds.purses(conn, ledger_id, person_id):
        posted = balances.balance(conn, ledger_id, account_id).posted
        shown = f"{Decimal(abs(posted)).scaleb(-scales[code]):f} {code}"
        if posted > 0:
            yield f"They still have {shown}: let them spend it or pay it to somebody first."
        if posted < 0:
            yield f"They owe {shown}: let them settle it, or have it corrected, first."


def _holds(conn: Connection, ledger_id: int, person_id: int) -> Iterator[str]:
    own = [account_id for account_id, _ in kinds.purses(conn, ledger_id, person_id)]
    hold = ledger.hold_open.c
    query = select(func.count()).where(
        hold.ledger_id == ledger_id, hold.debit.in_(own) | hold.credit.in_(own)
    )
    if n := conn.scalars(query).one():
        yield f"{n} payments or orders of theirs are on hold: settle or void them first."


def _waiting(
    conn: Connection, ledger_id: int, account_id: int, card_refs: list[str]
) -> Iterator[str]:
    record, last = ledger.record.c, ledger.resolution.c
    same = [last[name] == record[name] for name in ledger.KEY]
    query = select(func.count()).where(
        record.ledger_id == ledger_id,
        record.outcome.in_(("held", "suspended", "queued")),
        (record.account_id == account_id) | record.card_ref.in_(card_refs),
        ~exists().where(*same),
    )
    if n := conn.scalars(query).one():
        yield f"{n} deposits of theirs wait to be decided or paid: decide or refuse them first."


def _card_refs(conn: Connection, ledger_id: int, person_id: int) -> list[str]:
    card = t.card.c
    query = select(card.uid_hash).where(card.ledger_id == ledger_id, card.person_id == person_id)
    return [bytes(each).hex() for each in conn.scalars(query)]


def _close(services: Services, person_id: int) -> list[Amend]:
    """Close a person's accounts; return what would open them again."""
    with services.read() as conn:
        own = [each for each, _ in kinds.purses(conn, services.ledger_id, person_id)]
        found = terms(conn, services.ledger_id, own)
    again = []
    for account_id, now in found.items():
        limits = (now.min_balance, now.max_balance)
        soft = (now.soft_min, now.soft_max)
        services.poster.submit(Amend(account_id, *limits, True, *soft)).result()
        again.append(Amend(account_id, *limits, now.closed, *soft))
    return again


def _erase(
    services: Services, conn: Connection, person_id: int, reason: str, decided_by: str
) -> Erased:
    ledger_id, now_s = services.ledger_id, services.now_s()
    account_id = people.person(conn, ledger_id, person_id).account_id
    refs = _card_refs(conn, ledger_id, person_id)
    emptied = _empty_quarantined(services, conn, set(refs))
    keys = erasure.erase_person(conn, ledger_id, account_id, services.vault, now_s, refs)
    _keep_out(services, conn, person_id)
    for card in cards.of_person(conn, ledger_id, person_id):
        cards.block(conn, ledger_id, card.number, decided_by=decided_by, from_s=now_s)
    for part in PARTS:
        _erase_part(conn, ledger_id, person_id, part)
    conn.execute(
        insert(erased).values(
            ledger_id=ledger_id,
            person_id=person_id,
            erased_s=now_s,
            reason=reason,
            decided_by=decided_by,
        )
    )
    return Erased(person_id, now_s, keys, emptied)


def _keep_out(services: Services, conn: Connection, person_id: int) -> None:
    """Remember by keyed hash whose line in a list would bring them back."""
    known = people.person(conn, services.ledger_id, person_id)
    key = lists.key_of(known.household, known.name)
    row = {"ledger_id": services.ledger_id}
    row_hash = lists.row_hash(services.vault, services.ledger_id, key)
    if not rows.exists(conn, enrolled_row, **row, row_hash=row_hash):
        conn.execute(insert(enrolled_row).values(**row, row_hash=row_hash, person_id=person_id))


def _erase_part(conn: Connection, ledger_id: int, person_id: int, part: Part) -> None:
    mine = part.whose(ledger_id, person_id)
    if part.erase == KEEP:
        return
    if part.erase == DELETE:
        conn.execute(delete(part.table).where(mine))
        return
    assert not isinstance(part.erase, str)
    key = part.table.primary_key.columns
    for row in conn.execute(select(part.table).where(mine)).all():
        values: Mapping[str, Any] = part.erase(row)
        named = [column == row._mapping[column.name] for column in key]
        conn.execute(update(part.table).where(*named).values(values))


def _empty_quarantined(services: Services, conn: Connection, card_refs: set[str]) -> int:
    """Empty what lies in quarantine of these cards; the cards are in the bytes, sealed."""
    table, device = ledger.quarantine, t.device
    query = (
        select(table, device.c.id.label("device"))
        .join(
            device,
            (device.c.ledger_id == table.c.ledger_id) & (device.c.source_id == table.c.source_id),
        )
        .where(table.c.ledger_id == services.ledger_id, func.length(table.c.jws) > 0)
    )
    view, n = services.facts.view(conn), 0
    for row in conn.execute(query).all():
        try:
            signed = open_signed(
                view.device, row.device, "record", bytes(row.jws).decode(), row.received_s
            )
        except Unsigned:
            continue
        card = tokens.read(services, view, signed).uid_hash
        if card is not None and card.hex() in card_refs:
            erasure.empty_quarantined(conn, services.ledger_id, row)
            n += 1
    return n
