"""Where things are handed over, and closing a counter's day.

A day's close covers every booking at its counter after the close before, in the order of the
books. What is booked after a close belongs to the next one; on a day that is closed it is refused
unless somebody says that they know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, insert, select

from backend import rows
from backend.access.tables import counter
from backend.counters import tables as t
from backend.errors import AlreadyDecided, DayClosed, NotFound
from backend.ledger import history
from backend.ledger.tables import transfer
from backend.ledger.transfers import Code
from backend.services import Services
from backend.tables import redemption
from backend.towns import service as towns

EVERYWHERE = 0  # the counter that every town has, without a row of its own


@dataclass(frozen=True, slots=True)
class Total:
    """What became of one product in a day: handed out, and taken back by voids."""

    product_id: int
    redemptions: int
    grams: int
    amount: int


@dataclass(frozen=True, slots=True)
class Close:
    """A closed day. `voids` and `voided_amount` are what was set right in it.

    `late` are bookings of earlier days, which came after those days were closed.
    """

    counter_id: int
    number: int
    day: str
    after_id: int
    upto_id: int
    closed_by: str
    closed_s: int
    totals: tuple[Total, ...]
    voids: int
    voided_amount: int
    late: int

    @property
    def amount(self) -> int:
        """What the day brought, less what was voided in it."""
        return sum(each.amount for each in self.totals) - self.voided_amount


def entry(
    conn: Connection, ledger_id: int, counter_id: int, *, now_s: int, after_close: bool = False
) -> tuple[Any, Mapping[str, Any]]:
    """The row that a booking at a counter brings with it. Raises NotFound, DayClosed."""
    _check(conn, ledger_id, counter_id)
    day = _day(conn, ledger_id, now_s)
    closed = rows.exists(conn, t.counter_close, ledger_id=ledger_id, counter_id=counter_id, day=day)
    if closed and not after_close:
        raise DayClosed(
            f"{day} is closed at this counter. Book it at another counter or tomorrow; with "
            "'after_close' (--after-close) it is booked now and belongs to the next close."
        )
    return (t.counter_entry, {"counter_id": counter_id, "day": day})


def close(services: Services, counter_id: int, *, closed_by: str) -> Close:
    """Close a counter's day of today. Raises NotFound, AlreadyDecided."""
    ledger_id, now_s = services.ledger_id, services.now_s()
    with services.begin() as conn:
        _check(conn, ledger_id, counter_id)
        day = _day(conn, ledger_id, now_s)
        before = _last(conn, ledger_id, counter_id)
        if before is not None and before.day >= day:
            raise AlreadyDecided(f"{day} is closed at this counter already.")
        values = {
            "counter_id": counter_id,
            "number": 1 if before is None else before.number + 1,
            "day": day,
            "after_id": 0 if before is None else before.upto_id,
            "upto_id": history.last_id(conn, ledger_id),
            "closed_by": closed_by,
            "closed_s": now_s,
        }
        conn.execute(insert(t.counter_close).values(ledger_id=ledger_id, **values))
        return _close(conn, ledger_id, values)


def closes(conn: Connection, ledger_id: int, counter_id: int, *, limit: int = 31) -> list[Close]:
    """Return a counter's closed days, newest first. Raises NotFound."""
    _check(conn, ledger_id, counter_id)
    row = t.counter_close.c
    query = select(t.counter_close).where(row.ledger_id == ledger_id, row.counter_id == counter_id)
    found = conn.execute(query.order_by(row.number.desc()).limit(limit)).all()
    return [_close(conn, ledger_id, dict(each._mapping)) for each in found]


def _close(conn: Connection, ledger_id: int, values: Mapping[str, Any]) -> Close:
    """Everything in the span, summed from the books: it is the same whenever it is read."""
    at, made = t.counter_entry.c, redemption.c
    span = (
        at.ledger_id == ledger_id,
        at.counter_id == values["counter_id"],
        at.group_id > values["after_id"],
        at.group_id <= values["upto_id"],
    )
    sums = (
        select(made.product_id, func.count(), func.sum(made.grams), func.sum(made.amount))
        .join(t.counter_entry, (at.ledger_id == made.ledger_id) & (at.group_id == made.group_id))
        .where(*span)
        .group_by(made.product_id)
        .order_by(made.product_id)
    )
    back = transfer.c
    voids = (
        select(func.count(), func.coalesce(func.sum(back.amount), 0))
        .join(t.counter_entry, (at.ledger_id == back.ledger_id) & (at.group_id == back.group_id))
        .where(*span, back.code == int(Code.CORRECT), back.id == back.group_id)
    )
    count, voided = conn.execute(voids).one()
    late = select(func.count()).select_from(t.counter_entry).where(*span, at.day < values["day"])
    return Close(
        **{name: values[name] for name in Close.__slots__ if name in values},
        totals=tuple(
            Total(each[0], int(each[1]), int(each[2]), int(each[3])) for each in conn.execute(sums)
        ),
        voids=int(count),
        voided_amount=int(voided),
        late=conn.scalar(late) or 0,
    )


def _last(conn: Connection, ledger_id: int, counter_id: int) -> Any:
    row = t.counter_close.c
    mine = select(row.number, row.day, row.upto_id).where(
        row.ledger_id == ledger_id, row.counter_id == counter_id
    )
    return conn.execute(mine.order_by(row.number.desc()).limit(1)).one_or_none()


def _check(conn: Connection, ledger_id: int, counter_id: int) -> None:
    known = counter_id == EVERYWHERE or rows.exists(
        conn, counter, ledger_id=ledger_id, id=counter_id
    )
    if not known:
        raise NotFound("There is no such counter.")


def _day(conn: Connection, ledger_id: int, now_s: int) -> str:
    """The town's own date."""
    zone = ZoneInfo(towns.town(conn, ledger_id).timezone)
    return datetime.fromtimestamp(now_s, UTC).astimezone(zone).date().isoformat()
