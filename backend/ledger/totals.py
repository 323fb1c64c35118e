"""What each currency did in a day (UTC, recorded time), kept so that a period is a few rows.

`roll` moves transfers into the days' sums, a bounded number in one go and off the posting path;
a read sums the transfers that no day holds yet, so it is exact however far behind the days are.
An account's counters are bounded (see `capacity`), and with them what is issued and retired; the
volume goes over all accounts. It is summed in halves, and a day's is told up to `MOST`.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, case, func, insert, select, update

from backend.ledger import tables as t
from backend.ledger.accounts import COMPOST, CREDIT, HANDED_OUT, REDEEMED
from backend.ledger.balances import MOVES, balance, balance_at
from backend.ledger.capacity import MOST
from backend.ledger.history import last_id
from backend.ledger.melting import melted_upto
from backend.ledger.transfers import Code

DAY_US = 86_400_000_000
PAGE = 4_096
# Halves of an amount, of which 2**31 transfers overflow no sum.
_HALF = 2**32
# Where a currency goes when it has done its work.
RETIRED = {CREDIT: REDEEMED, COMPOST: HANDED_OUT}
# What sets right or sorts what was booked before is no trade.
_NO_TRADE = (int(Code.MINT), int(Code.CLAIM_SUSPENSE), int(Code.RELEASE), int(Code.CORRECT))


@dataclass(frozen=True, slots=True)
class Supply:
    """A currency's money: issued = retired + melted + outstanding.

    `melted` went back to the issuer by rule: it was not redeemed. `scale` is the decimals people
    see.
    """

    currency_id: int
    code: str
    scale: int
    issued: int
    retired: int
    melted: int = 0

    @property
    def outstanding(self) -> int:
        return self.issued - self.retired - self.melted


@dataclass(slots=True)
class Day:
    """Sums of one day and currency: `issued` and `retired` are changes, less what went back.

    `volume` is `MOST` where it was that or more.
    """

    transfers: int = 0
    volume: int = 0
    issued: int = 0
    retired: int = 0


class _Sum(NamedTuple):
    """What transfers add to a day of a currency."""

    currency_id: int
    day: int
    transfers: int
    volume_high: int
    volume_low: int
    issued: int
    retired: int

    @property
    def volume(self) -> int:
        return int(self.volume_high) * _HALF + int(self.volume_low)


@dataclass(frozen=True, slots=True)
class Turnover:
    """Trade from `from_day` to before `until_day`, and what was outstanding at each day's end."""

    from_day: int
    until_day: int
    transfers: int
    volume: int
    average_outstanding: int

    @property
    def velocity(self) -> float | None:
        """How often the money changed hands in the period; None when there was none."""
        return self.volume / self.average_outstanding if self.average_outstanding > 0 else None


def supply(conn: Connection, ledger_id: int, upto_id: int | None = None) -> list[Supply]:
    """Every issued currency, now or after the transfer `upto_id`."""
    row = t.currency.c
    found = conn.execute(select(t.currency).where(row.ledger_id == ledger_id).order_by(row.id))
    return [
        _supply(conn, ledger_id, each, upto_id)
        for each in found.all()
        if each.issuer_account_id is not None
    ]


def _supply(conn: Connection, ledger_id: int, each: Any, upto_id: int | None) -> Supply:
    issuer = each.issuer_account_id
    owed = -_posted(conn, ledger_id, issuer, upto_id)
    melted = melted_upto(conn, ledger_id, each.id, issuer, upto_id)
    retired = _posted(conn, ledger_id, RETIRED[each.id], upto_id) if each.id in RETIRED else 0
    return Supply(each.id, each.code, each.scale, owed + melted, retired, melted)


def turnover(
    conn: Connection, ledger_id: int, currency_id: int, from_day: int, until_day: int
) -> Turnover:
    """The trade of whole days [from_day, until_day) and the money that it was done with."""
    days: dict[int, Day] = defaultdict(Day)
    row = t.day_total.c
    kept = select(t.day_total).where(
        row.ledger_id == ledger_id, row.currency_id == currency_id, row.day >= from_day
    )
    sums = [*conn.execute(kept), *_sums(conn, ledger_id, _upto(conn, ledger_id), None)]
    for each in sums:
        if each.currency_id == currency_id and each.day >= from_day:
            _add(days[each.day], each)
    now = next((s for s in supply(conn, ledger_id) if s.currency_id == currency_id), None)
    outstanding = now.outstanding if now else 0
    outstanding -= sum(day.issued - day.retired for day in days.values())
    transfers = volume = at_ends = 0
    for number in range(from_day, until_day):
        day = days.get(number, Day())
        outstanding += day.issued - day.retired
        transfers, volume = transfers + day.transfers, volume + day.volume
        at_ends += outstanding
    length = max(1, until_day - from_day)
    return Turnover(from_day, until_day, transfers, volume, at_ends // length)


def roll(conn: Connection, ledger_id: int, limit: int = PAGE) -> int:
    """Move at most `limit` transfers into the days' sums; return how many. Needs to write."""
    after_id = _upto(conn, ledger_id)
    upto_id = min(last_id(conn, ledger_id), after_id + limit)
    if upto_id == after_id:
        return 0
    for each in _sums(conn, ledger_id, after_id, upto_id):
        _keep(
            conn, {"ledger_id": ledger_id, "currency_id": each.currency_id, "day": each.day}, each
        )
    mark = t.day_total_upto
    moved = update(mark).where(mark.c.ledger_id == ledger_id).values(upto_id=upto_id)
    if conn.execute(moved).rowcount == 0:
        conn.execute(insert(mark).values(ledger_id=ledger_id, upto_id=upto_id))
    return upto_id - after_id


def _keep(conn: Connection, key: dict[str, int], more: _Sum) -> None:
    """Add to a day's sums, or begin them."""
    mine = and_(*(t.day_total.c[name] == value for name, value in key.items()))
    kept = conn.execute(select(t.day_total).where(mine)).one_or_none()
    day = Day()
    for each in (kept, more):
        if each is not None:
            _add(day, each)
    if kept is None:
        conn.execute(insert(t.day_total).values(**key, **asdict(day)))
    else:
        conn.execute(update(t.day_total).where(mine).values(asdict(day)))


def _upto(conn: Connection, ledger_id: int) -> int:
    mark = t.day_total_upto.c
    return conn.scalar(select(mark.upto_id).where(mark.ledger_id == ledger_id)) or 0


def _add(day: Day, more: Any) -> None:
    day.transfers += more.transfers
    day.volume = min(MOST, day.volume + more.volume)
    day.issued += more.issued
    day.retired += more.retired


def _posted(conn: Connection, ledger_id: int, account_id: int, upto_id: int | None) -> int:
    if upto_id is None:
        return balance(conn, ledger_id, account_id).posted
    debits, credits = balance_at(conn, ledger_id, account_id, upto_id)
    return credits - debits


def _sums(conn: Connection, ledger_id: int, after_id: int, upto_id: int | None) -> Iterator[_Sum]:
    """What the transfers between two ids add, by day and currency."""
    currencies = t.currency.c
    issuers = list(
        conn.scalars(
            select(currencies.issuer_account_id).where(
                currencies.ledger_id == ledger_id, currencies.issuer_account_id.is_not(None)
            )
        )
    )
    for each in conn.execute(_sums_query(ledger_id, after_id, upto_id, issuers)):
        yield _Sum._make(each)


def _sums_query(
    ledger_id: int, after_id: int, upto_id: int | None, issuers: list[int]
) -> Select[Any]:
    row, retired = t.transfer.c, list(RETIRED.values())
    traded = and_(row.code.not_in(_NO_TRADE), row.debit.not_in(issuers), row.credit.not_in(issuers))

    def total(*cases: tuple[Any, Any]) -> Any:
        return func.coalesce(func.sum(case(*cases, else_=0)), 0).cast(row.amount.type)

    query = (
        select(
            t.account.c.currency_id,
            (row.recorded_us // DAY_US).label("day"),
            total((traded, 1)).label("transfers"),
            total((traded, row.amount // _HALF)).label("volume_high"),
            total((traded, row.amount % _HALF)).label("volume_low"),
            total((row.debit.in_(issuers), row.amount), (row.credit.in_(issuers), -row.amount))
            .label("issued"),
            total((row.credit.in_(retired), row.amount), (row.debit.in_(retired), -row.amount))
            .label("retired"),
        )
        .join(t.account, (t.account.c.ledger_id == row.ledger_id) & (t.account.c.id == row.debit))
        .where(row.ledger_id == ledger_id, row.id > after_id, row.state.in_(MOVES))
        .group_by("currency_id", "day")
    )  # fmt: skip
    return query if upto_id is None else query.where(row.id <= upto_id)
