"""Provisional credit: what is held and most likely right is paid when nobody has decided in time.

Waste that was weighed for a believed card is the holder's. A doubt of its weighing or its clock
gives staff some days to look; their silence must not cost anybody what they brought. A doubt of
the card, the journal or the device has no such end: there silence would pay a thief.
`rules.PROVISIONAL` says which is which, `resolving.pay_provisional` pays.
"""

from sqlalchemy import Connection, insert, select

from backend.deposits.tables import provisional
from backend.errors import BadInput
from backend.towns import service as towns

# Ours: long enough for staff to look at each, and paid before the month after is over.
DEFAULT_DAYS = 30
MOST_DAYS = 366
DAY_S = 86_400


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
