"""What a card that proves nothing is trusted with: so many grams and so much credit a day.

A plain card's number can be copied by anybody with a telephone. What it brings beyond the cap of
a town's day is held for a person; secure cards are not counted and not capped.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select

from backend.cards import tables as c
from backend.errors import BadInput
from backend.ledger.tables import record
from backend.towns import service as towns

LARGEST = 2**53 - 1
RecordName = tuple[int, int, int]
Who = int | str  # an account, or the keyed hash of a card that nobody holds yet


@dataclass(frozen=True, slots=True)
class Cap:
    """A day's most, from a moment on; None: no limit."""

    from_s: int
    daily_g: int | None
    daily_amount: int | None


@dataclass(slots=True)
class Spent:
    grams: int = 0
    amount: int = 0


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


@dataclass
class Allowance:
    """What is left of the day's caps, as one database snapshot and one batch have it.

    `batch` names the records that are judged now: those that the books have already are counted
    when they are judged, not twice. Batches that are judged at the same moment do not see each
    other, so that a day may end that much above its cap.
    """

    conn: Connection
    ledger_id: int
    caps: Collection[Cap]
    timezone: str
    batch: Collection[RecordName]
    _spent: dict[tuple[Who, int], Spent] = field(default_factory=dict)

    def take(self, who: Who, effective_s: int, net_g: int, amount: int) -> bool:
        """Count a deposit if the day's caps have room for it; tell whether they had."""
        cap = cap_at(self.caps, effective_s)
        if cap is None:
            return True
        start_s, end_s = day_of(effective_s, self.timezone)
        spent = self._spent.get((who, start_s))
        if spent is None:
            spent = self._spent[who, start_s] = self._before(who, start_s, end_s)
        if _over(spent.grams + net_g, cap.daily_g) or _over(
            spent.amount + amount, cap.daily_amount
        ):
            return False
        spent.grams += net_g
        spent.amount += amount
        return True

    def _before(self, who: Who, start_s: int, end_s: int) -> Spent:
        """Sum up what the books have of a day, without what secure cards brought."""
        row, said = record.c, c.card_message.c
        names = ("source_id", "epoch", "seq")
        secure = (
            select(said.seq)
            .where(said.ledger_id == row.ledger_id, *(said[n] == row[n] for n in names))
            .exists()
        )
        query = select(*(row[n] for n in names), row.net_g, row.amount).where(
            row.ledger_id == self.ledger_id,
            row.kind == "deposit",
            row.effective_s >= start_s,
            row.effective_s < end_s,
            *_theirs(who),
            ~secure,
        )
        spent = Spent()
        for each in self.conn.execute(query):
            if (each.source_id, each.epoch, each.seq) not in self.batch:
                spent.grams += each.net_g
                spent.amount += each.amount
        return spent


def day_of(effective_s: int, timezone: str) -> tuple[int, int]:
    """Return the first second of a moment's day in the town, and of the next day."""
    zone = ZoneInfo(timezone)
    midnight = datetime.fromtimestamp(effective_s, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    return int(midnight.timestamp()), int((midnight + timedelta(days=1)).timestamp())


def _theirs(who: Who) -> tuple[ColumnElement[bool], ...]:
    """What counts as brought: by an account, also in a new journal that somebody will confirm
    and so release; or in suspense with an unknown card."""
    row = record.c
    if isinstance(who, int):
        waits = and_(row.outcome == "held", row.reason == "new_epoch")
        return row.account_id == who, or_(row.outcome.in_(("credited", "queued")), waits)
    return row.card_ref == who, row.outcome == "suspended"


def _over(value: int, most: int | None) -> bool:
    return most is not None and value > most
