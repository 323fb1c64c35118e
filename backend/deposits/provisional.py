"""Provisional credit: what is held and most likely right is paid when nobody has decided in time.

Waste that was weighed for a believed card is the holder's. A doubt of its weighing or its clock
gives staff some days to look; their silence must not cost anybody what they brought. A doubt of
the card, the journal or the device has no such end: there silence would pay a thief.
`rules.PROVISIONAL` says which is which, `resolving.pay_provisional` pays.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from backend import rows
from backend.deposits.tables import provisional, provisional_stuck, provisional_upto
from backend.errors import BadInput
from backend.ledger.tables import record
from backend.towns import service as towns

# Ours: long enough for staff to look at each, and paid before the month after is over.
DEFAULT_DAYS = 30
MOST_DAYS = 366
DAY_S = 86_400


class Due(NamedTuple):
    """A record that is credited to an account, since nobody has decided in time."""

    source_id: int
    epoch: int
    seq: int
    account_id: int


def days(conn: Connection, ledger_id: int) -> int:
    """Return how many days a provisional credit waits; 0: for a person, for ever."""
    row = provisional.c
    newest = select(row.days).where(row.ledger_id == ledger_id).order_by(row.from_s.desc())
    found = conn.scalar(newest.limit(1))
    return DEFAULT_DAYS if found is None else int(found)


def decide(conn: Connection, ledger_id: int, asked: int, *, decided_by: str, from_s: int) -> None:
    """Set the days, for what is held from now on. Raises BadInput."""
    if not 0 <= asked <= MOST_DAYS:
        raise BadInput(f"Provisional credit waits for 0 to {MOST_DAYS} days; 0 is for ever.")
    row = provisional.c
    newest = select(row.from_s).where(row.ledger_id == ledger_id).order_by(row.from_s.desc())
    last_s = conn.scalar(newest.limit(1))
    from_s = from_s if last_s is None else max(from_s, last_s + 1)
    values = {"from_s": from_s, "days": asked, "decided_by": decided_by}
    conn.execute(insert(provisional).values(ledger_id=ledger_id, **values))
    towns.changed(conn, ledger_id)


def due(conn: Connection, ledger_id: int, now_s: int, limit: int) -> tuple[list[Due], int | None]:
    """Return the records whose time has run out since the last look, and up to which moment.

    Whether somebody has decided is not asked: the books refuse a second word.

    About `limit` of them: those of one moment go together. The moment is None if there are none.
    """
    row, kept = record.c, provisional_upto.c
    after_s = conn.scalar(select(kept.until_s).where(kept.ledger_id == ledger_id)) or 0
    over = (row.ledger_id == ledger_id, row.until_s > after_s)
    page = select(row.until_s).where(*over, row.until_s <= now_s).order_by(row.until_s)
    upto_s = conn.scalar(select(func.max(page.limit(limit).subquery().c.until_s)))
    if upto_s is None:
        return [], None
    found = select(*(row[name] for name in Due._fields)).where(*over, row.until_s <= upto_s)
    due = [Due._make(each) for each in conn.execute(found.order_by(row.until_s))]
    return [each for each in due if each.account_id is not None], upto_s


def stuck(conn: Connection, ledger_id: int) -> list[Due]:
    """Return the records that were due and could not be paid, whatever became of them since."""
    row = provisional_stuck.c
    query = select(*(row[name] for name in Due._fields)).where(row.ledger_id == ledger_id)
    return [Due._make(each) for each in conn.execute(query)]


def looked_at(
    conn: Connection,
    ledger_id: int,
    done: Collection[Due],
    stay: Collection[Due],
    upto_s: int | None,
) -> None:
    """Note which records stay held, which do no longer, and up to which moment all were seen.

    Another process may have done the same just now.
    """
    row = provisional_stuck.c
    for each in done:
        mine = [row[name] == value for name, value in each._asdict().items()]
        conn.execute(delete(provisional_stuck).where(row.ledger_id == ledger_id, *mine))
    for each in stay:
        values = {"ledger_id": ledger_id, **each._asdict()}
        if not rows.exists(conn, provisional_stuck, **values):
            conn.execute(insert(provisional_stuck).values(**values))
    if upto_s is None:
        return
    kept = provisional_upto
    moved = update(kept).where(kept.c.ledger_id == ledger_id).values(until_s=upto_s)
    if conn.execute(moved).rowcount == 0:
        conn.execute(insert(kept).values(ledger_id=ledger_id, until_s=upto_s))
