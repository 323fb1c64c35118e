"""How long what is kept, for which purpose: the one table that housekeeping applies.

docs/dpia.md repeats it, and a test compares the two. Days count from when a thing was over: a
session from its end, an alert from its resolution, a sample from when it was measured.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, or_, select, update

from backend import tables as t
from backend.alerts.tables import alert
from backend.cards.tables import plain_use
from backend.deposits import keeping
from backend.ledger import erasure, repeats
from backend.ledger import tables as ledger
from backend.ledger.accounts import SUSPENSE
from backend.services import Services

DAY_S = 86_400
PAGE = 500
OPEN_DAYS = 7  # signed bytes are sealed so long after the deposit
LOOK_BACK_S = 400 * DAY_S  # records that are older were looked at on an earlier day
Apply = Callable[[Services, int], int]


class Kept(NamedTuple):
    """What is kept for a purpose. `days` None: until `then` says; `apply` drops what is older
    than a moment and returns how much that was.
    """

    purpose: str
    what: str
    basis: str
    days: int | None
    then: str
    apply: Apply | None = None


def seal(services: Services) -> int:
    """Seal the signed bytes of whatever nothing is open about any more, under their persons'
    keys; returns how many records. The books are held for a page at a time, and for nothing else.
    """
    before_s = services.now_s() - OPEN_DAYS * DAY_S
    return _pages(services, before_s, lambda conn, rows: _seal(services, conn, rows))


def _signed_bytes(services: Services, before_s: int) -> int:
    """Erase the signed bytes of old deposits, and with which card they came."""
    record, ledger_id, now_s = ledger.record.c, services.ledger_id, services.now_s()
    dropped = _pages(services, before_s, lambda conn, rows: _drop(services, conn, rows))
    with services.begin() as conn:
        dropped += erasure.destroy_periods(conn, ledger_id, before_s, now_s)
    named = (*_decided(ledger_id, before_s), record.card_ref.is_not(None))
    with services.read() as conn:
        first_s = conn.scalar(select(func.min(record.effective_s)).where(*named))
    if first_s is not None:
        with services.begin() as conn:
            conn.execute(
                update(ledger.record)
                .where(*named, record.effective_s >= first_s)
                .values(card_ref=None)
            )
    return dropped


def _pages(
    services: Services, before_s: int, do: Callable[[Connection, Sequence[Any]], None]
) -> int:
    record, last = ledger.record.c, ledger.resolution.c
    owner = func.coalesce(
        select(last.account_id)
        .where(*(last[name] == record[name] for name in ledger.KEY))
        .scalar_subquery(),
        record.account_id,
    ).label("owner")
    columns = (record.source_id, record.epoch, record.seq, record.jws, record.effective_s, owner)
    query = (
        select(*columns)
        .where(*_decided(services.ledger_id, before_s), record.sealed_for.is_(None))
        .order_by(record.effective_s)
        .limit(PAGE)
    )
    done, moved, from_s = 0, PAGE, 0
    while moved == PAGE:
        # Looked for beside the books' work, for there may be years of what was sealed before.
        with services.read() as conn:
            found = conn.execute(query.where(record.effective_s >= from_s)).all()
        if not found:
            break
        moved, from_s, until_s = len(found), found[0].effective_s, found[-1].effective_s
        with services.begin() as conn:
            rows = conn.execute(query.where(record.effective_s.between(from_s, until_s))).all()
            do(conn, rows)
        done, from_s = done + len(rows), until_s
    return done


def _decided(ledger_id: int, before_s: int) -> tuple[ColumnElement[bool], ...]:
    """Deposits that happened by then and have had their last word."""
    record, last = ledger.record.c, ledger.resolution.c
    same = (last[name] == record[name] for name in ledger.KEY)
    return (
        record.ledger_id == ledger_id,
        record.effective_s >= before_s - LOOK_BACK_S,
        record.effective_s < before_s,
        record.kind.in_(("deposit", "interrupted")),
        or_(record.outcome.in_(("credited", "noted")), exists().where(*same)),
    )


def _seal(services: Services, conn: Connection, rows: Sequence[Any]) -> None:
    for (owner, period), theirs in _by_owner(rows).items():
        erasure.seal(conn, services.ledger_id, owner, theirs, services.vault, period=period)


def _drop(services: Services, conn: Connection, rows: Sequence[Any]) -> None:
    for (owner, _), theirs in _by_owner(rows).items():
        erasure.seal(conn, services.ledger_id, owner, theirs, services.vault, services.now_s())


def _by_owner(rows: Sequence[Any]) -> dict[tuple[int, int], list[Any]]:
    """What nobody owns is sealed for the account of whatever has no owner."""
    found: dict[tuple[int, int], list[Any]] = {}
    for row in rows:
        owner = SUSPENSE if row.owner is None else row.owner
        found.setdefault((owner, row.effective_s // erasure.PERIOD_S), []).append(row)
    return found


def _quarantined_bytes(services: Services, before_s: int) -> int:
    table = ledger.quarantine
    query = select(table).where(
        table.c.ledger_id == services.ledger_id,
        table.c.received_s < before_s,
        func.length(table.c.jws) > 0,
    )
    with services.begin() as conn:
        rows = conn.execute(query).all()
        for row in rows:
            erasure.empty_quarantined(conn, services.ledger_id, row)
    return len(rows)


def _older(table: Table, column: str) -> Apply:
    """Rows whose moment (in seconds) is past; those without one stay."""

    def apply(services: Services, before_s: int) -> int:
        old = (table.c.ledger_id == services.ledger_id, table.c[column] < before_s)
        with services.begin() as conn:
            return conn.execute(delete(table).where(*old)).rowcount

    return apply


def _refused(services: Services, before_s: int) -> int:
    with services.begin() as conn:
        return keeping.drop(conn, services.ledger_id, t.refused.c.received_s < before_s)


def _orders(services: Services, before_s: int) -> int:
    """All but the newest: the next order's number follows its own."""
    table = t.down
    mine = table.c.ledger_id == services.ledger_id
    with services.begin() as conn:
        newest = conn.scalar(select(func.max(table.c.id)).where(mine)) or 0
        old = (mine, table.c.expires_s < before_s, table.c.id < newest)
        return conn.execute(delete(table).where(*old)).rowcount


def _telemetry(services: Services, before_s: int) -> int:
    services.telemetry.store.forget(before_s, 0)
    return 0


def _telemetry_hours(services: Services, before_s: int) -> int:
    services.telemetry.store.forget(0, before_s)
    return 0


RETENTION = (
    Kept(
        "registry",
        "name, household, language, cards (UID as a keyed hash)",
        "consent, and the task of the municipality",
        None,
        "until the person is erased",
    ),
    Kept(
        "books",
        "movements, weights and redemptions by account number",
        "the law of accounts",
        None,
        "kept; after an erasure they name nobody",
    ),
    Kept(
        "proof of deposits",
        "a deposit's signed bytes (weights, time, card token), sealed after a week",
        "contract: a person may dispute a deposit",
        3 * 365,
        "erased, the hash stays",
        _signed_bytes,
    ),
    Kept(
        "caps of plain cards",
        "weights of a day by account, or by the keyed hash of a card that nobody holds",
        "legitimate interest: fraud",
        365,
        "deleted",
        _older(plain_use, "effective_s"),
    ),
    Kept(
        "quarantine",
        "signed bytes under a name that was taken",
        "legitimate interest: fraud",
        365,
        "emptied, the hash stays",
        _quarantined_bytes,
    ),
    Kept(
        "refused messages",
        "bytes that no known device signed",
        "legitimate interest: repair and fraud",
        90,
        "deleted",
        _refused,
    ),
    Kept(
        "sign-ins",
        "sessions and wrong tries (names as keyed hashes)",
        "legitimate interest: security",
        1,
        "deleted",
        lambda services, before_s: services.sessions.forget(before_s),
    ),
    Kept(
        "log of who looked",
        "who of the staff looked at whom, by number",
        "accountability (Art. 5(2) GDPR)",
        None,
        "kept; after an erasure it names nobody",
    ),
    Kept(
        "consents and delegates",
        "what was agreed to and when, who acts for whom, by number",
        "proof of consent (Art. 7(1) GDPR)",
        None,
        "kept; delegations end with an erasure",
    ),
    Kept(
        "repeats",
        "a request's own key and its answer",
        "contract: nothing is booked twice",
        repeats.KEPT_DAYS,
        "deleted by a chore of its own",
    ),
    Kept(
        "orders to devices",
        "signed commands and settings",
        "legitimate interest: repair",
        90,
        "deleted",
        _orders,
    ),
    Kept(
        "telemetry",
        "fill, temperature, battery, signal of a bin; nothing of people",
        "legitimate interest: repair",
        30,
        "only hours are kept",
        _telemetry,
    ),
    Kept(
        "telemetry by the hour",
        "the same, one value an hour",
        "legitimate interest: planning",
        2 * 365,
        "deleted",
        _telemetry_hours,
    ),
    Kept(
        "alerts",
        "what was wrong with a device",
        "legitimate interest: repair",
        2 * 365,
        "deleted",
        _older(alert, "resolved_s"),
    ),
    Kept(
        "public figures",
        "kilograms by fraction and month, of at least ten households",
        "the task of the municipality",
        None,
        "kept as published",
    ),
    Kept(
        "erasures",
        "a number, a date, who decided",
        "proof that the law was kept",
        None,
        "kept; the number names nobody",
    ),
)


def apply(services: Services) -> dict[str, int]:
    """Drop what is past its time; return how much, by purpose."""
    now_s = services.now_s()
    return {
        kept.purpose: kept.apply(services, now_s - kept.days * DAY_S)
        for kept in RETENTION
        if kept.apply is not None and kept.days is not None
    }


def as_markdown() -> list[str]:
    """Return the table's rows as docs/dpia.md has them."""
    return [
        f"| {kept.purpose} | {kept.what} | {kept.basis} |"
        f" {'—' if kept.days is None else kept.days} | {kept.then} |"
        for kept in RETENTION
    ]
