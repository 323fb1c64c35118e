"""What a card that proves nothing is trusted with: so many grams and so much credit a day.

A plain card's number can be copied by anybody with a telephone. What it brings beyond the cap of
a town's day is held for a person; secure cards are not counted and not capped. Room is taken in a
short transaction before the books', a row for each deposit, so that no two batches share it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, func, insert, select

from backend.cards import tables as c
from backend.errors import BadInput
from backend.ledger.tables import record
from backend.towns import service as towns

LARGEST = 2**53 - 1
# What a plain card may bring a day where a town has not said: ours, several days' waste of a
# household, so that it stops a copied number and no family.
DEFAULT_DAILY_G = 30_000
RecordName = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Cap:
    """A day's most, from a moment on; None: no limit."""

    from_s: int
    daily_g: int | None
    daily_amount: int | None


@dataclass(frozen=True, slots=True)
class Use:
    """A deposit with a plain card that wants room. `who`: an account, or the hash of a card that
    nobody holds yet."""

    name: RecordName
    who: int | bytes
    effective_s: int
    net_g: int
    amount: int


def set_cap(
    conn: Connection,
    ledger_id: int,
    *,
    daily_g: int | None,
    daily_amount: int | None,
    decided_by: str,
    from_s: int,
) -> Cap:
    """Cap what plain cards may bring a day, from a moment on. Raises BadInput."""
    for value in (daily_g, daily_amount):
        if value is not None and not 0 <= value <= LARGEST:
            raise BadInput("A cap is a whole number of grams or of minor units, or nothing.")
    known = caps(conn, ledger_id)
    if known and from_s <= known[-1].from_s:
        raise BadInput("A cap starts after the one before it; the past is not judged again.")
    conn.execute(
        insert(c.plain_cap).values(
            ledger_id=ledger_id,
            from_s=from_s,
            daily_g=daily_g,
            daily_amount=daily_amount,
            decided_by=decided_by,
        )
    )
    towns.changed(conn, ledger_id)
    return Cap(from_s, daily_g, daily_amount)


def caps(conn: Connection, ledger_id: int) -> list[Cap]:
    """Return the caps in the order of their dates."""
    row = c.plain_cap.c
    query = select(row.from_s, row.daily_g, row.daily_amount).where(row.ledger_id == ledger_id)
    return [Cap(*each) for each in conn.execute(query.order_by(row.from_s))]


def cap_at(dated: Collection[Cap], effective_s: int) -> Cap | None:
    """Return the cap in force at a moment, if it caps anything."""
    before = [cap for cap in dated if cap.from_s <= effective_s]
    cap = before[-1] if before else None
    return cap if cap and (cap.daily_g is not None or cap.daily_amount is not None) else None


def take(
    conn: Connection, ledger_id: int, dated: Collection[Cap], timezone: str, asked: Sequence[Use]
) -> list[bool]:
    """Give room of the day's caps to each deposit in order; tell whether there was any.

    Inside the town's one write transaction, so that two batches see each other. A deposit that
    was given room has it for ever, also when it comes again after a kill before it was booked.
    """
    names = [use.name for use in asked]
    mine = _among(conn, ledger_id, c.plain_use, names)
    booked = _among(conn, ledger_id, record, names) - mine
    # The books answer what they have as they did then; it takes no room for it again.
    return [
        use.name in mine or use.name in booked or _take(conn, ledger_id, dated, timezone, use)
        for use in asked
    ]


def _take(
    conn: Connection, ledger_id: int, dated: Collection[Cap], timezone: str, use: Use
) -> bool:
    cap = cap_at(dated, use.effective_s)
    if cap is None:
        return True
    start_s, end_s = day_of(use.effective_s, timezone)
    row = c.plain_use.c
    sums = select(
        func.coalesce(func.sum(row.net_g), 0), func.coalesce(func.sum(row.amount), 0)
    ).where(
        row.ledger_id == ledger_id,
        row.account_id == use.who if isinstance(use.who, int) else row.uid_hash == use.who,
        row.effective_s >= start_s,
        row.effective_s < end_s,
    )
    grams, amount = conn.execute(sums).one()
    if _over(grams + use.net_g, cap.daily_g) or _over(amount + use.amount, cap.daily_amount):
        return False
    source_id, epoch, seq = use.name
    conn.execute(
        insert(c.plain_use).values(
            ledger_id=ledger_id,
            source_id=source_id,
            epoch=epoch,
            seq=seq,
            account_id=use.who if isinstance(use.who, int) else None,
            uid_hash=None if isinstance(use.who, int) else use.who,
            effective_s=use.effective_s,
            net_g=use.net_g,
            amount=use.amount,
        )
    )
    return True


def _among(
    conn: Connection, ledger_id: int, table: Table, names: Sequence[RecordName]
) -> set[RecordName]:
    """Return which of the records a table has."""
    row = table.c
    query = select(row.source_id, row.epoch, row.seq).where(
        row.ledger_id == ledger_id,
        row.source_id.in_({name[0] for name in names}),
        row.epoch.in_({name[1] for name in names}),
        row.seq.in_({name[2] for name in names}),
    )
    return {(each.source_id, each.epoch, each.seq) for each in conn.execute(query)} & set(names)


def day_of(effective_s: int, timezone: str) -> tuple[int, int]:
    """Return the first second of a moment's day in the town, and of the next day."""
    zone = ZoneInfo(timezone)
    midnight = datetime.fromtimestamp(effective_s, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    return int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())


def _over(value: int, most: int | None) -> bool:
    return most is not None and value > most
