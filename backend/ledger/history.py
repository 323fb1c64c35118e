"""Finding a moment of recorded time in the books, and keeping counters of the past.

Ids are dense and recorded time grows with them, so a moment is found by halving.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, literal, select

from backend.ledger import tables as t
from backend.ledger.balances import balance_query, moves_between

# Transfers between two snapshots of a tail that was not folded for long.
EVERY = 256


def last_id(conn: Connection, ledger_id: int) -> int:
    """The newest transfer's id, 0 in empty books."""
    head = t.ledger_head.c
    return (conn.scalar(select(head.next_id).where(head.ledger_id == ledger_id)) or 1) - 1


def id_at(conn: Connection, ledger_id: int, recorded_us: int) -> int:
    """The last transfer recorded at or before a moment, 0 if there is none."""
    row = t.transfer.c
    low, high = 0, last_id(conn, ledger_id)
    while low < high:
        middle = (low + high + 1) // 2
        at_us = conn.scalar(
            select(row.recorded_us).where(row.ledger_id == ledger_id, row.id == middle)
        )
        if at_us is not None and at_us <= recorded_us:
            low = middle
        else:
            high = middle - 1
    return low


def keep(conn: Connection, ledger_id: int, upto_id: int, account_ids: Sequence[int]) -> None:
    """Keep the counters up to and with `upto_id` of accounts that are folded less far."""
    folded = t.account_balance.c
    now = (
        balance_query(ledger_id)
        .where(folded.account_id.in_(account_ids), folded.folded_id < upto_id)
        .subquery()
    )
    counters = select(
        literal(ledger_id), now.c.account_id, literal(upto_id), now.c.debits, now.c.credits
    )
    conn.execute(insert(t.balance_snapshot).from_select([*t.balance_snapshot.c], counters))


def keep_between(conn: Connection, ledger_id: int, account_id: int, upto_id: int) -> None:
    """Keep counters every `EVERY` transfers of a tail that grew long before it was folded."""
    row = t.account_balance.c
    folded_id, debits, credits = conn.execute(
        select(row.folded_id, row.debits_posted, row.credits_posted).where(
            row.ledger_id == ledger_id, row.account_id == account_id
        )
    ).one()
    rows: list[tuple[int, int, int, int]] = []
    tail = conn.execute(moves_between(ledger_id, account_id, folded_id, upto_id))
    for number, (transfer_id, sign, amount) in enumerate(tail, 1):
        debits, credits = (debits, credits + amount) if sign > 0 else (debits + amount, credits)
        if number % EVERY == 0 and transfer_id < upto_id:
            rows.append((account_id, transfer_id, debits, credits))
    _insert(conn, ledger_id, rows)


def _insert(conn: Connection, ledger_id: int, rows: Sequence[tuple[int, int, int, int]]) -> None:
    names = ("account_id", "upto_id", "debits", "credits")
    if rows:
        values = [{"ledger_id": ledger_id, **dict(zip(names, r, strict=True))} for r in rows]
        conn.execute(insert(t.balance_snapshot), values)
