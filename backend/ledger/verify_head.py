"""Invariant I5 of the ledger's head: the next id, and a clock that its entries bear out.

Not every decision writes down when it was made, so the clock may be ahead of the newest entry.
It is wrong where no poster can have set it: further ahead than one would ever go, and than now.
"""

from collections.abc import Callable

from sqlalchemy import Connection, Table, func, select

from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.clerk import Limits

# What is written with the moment at which it was recorded.
_DATED = (
    t.transfer, t.record, t.quarantine, t.resolution, t.claim, t.idempotency, r.notice,
    t.checkpoint, t.log_key, t.log_origin,
)  # fmt: skip
_FURTHEST_US = Limits().max_forward_s * 1_000_000
_APART_US = Limits().max_back_s * 1_000_000


def check_head(
    conn: Connection, ledger_id: int, transfers: int, now_us: int, add: Callable[[str, str], None]
) -> None:
    """Compares the head row with the number of transfers and the newest moment in the books."""
    asked = select(t.ledger_head).where(t.ledger_head.c.ledger_id == ledger_id)
    head = conn.execute(asked).one_or_none()
    if head is None:
        add("I5", "the ledger's head is gone: nothing can be booked")
        return
    if head.next_id != transfers + 1:
        add("I5", f"the next id is {head.next_id} after {transfers} transfers")
    last_us = _newest(conn, ledger_id, t.transfer)
    if head.clock_us < last_us:
        add("I5", f"the books' clock {head.clock_us} is behind the last transfer")
    newest_us = max(head.opened_us, *(_newest(conn, ledger_id, table) for table in _DATED))
    if head.clock_us > max(newest_us + _FURTHEST_US, now_us + _APART_US):
        days = (head.clock_us - newest_us) // 86_400_000_000
        add("I5", f"the books' clock {head.clock_us} is {days} days ahead of the newest entry")


def _newest(conn: Connection, ledger_id: int, table: Table) -> int:
    row = table.c
    newest = conn.scalar(select(func.max(row.recorded_us)).where(row.ledger_id == ledger_id))
    return newest if isinstance(newest, int) else 0  # SQLite keeps whatever it is given
