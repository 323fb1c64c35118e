"""Soft limits: they stop nothing, and who crosses one is told so in the same transaction.

A notice is written at the transfer that takes a posted balance from inside a soft limit to
outside of it. Nothing is done here while no account of a batch has a soft limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend.ledger import rule_tables as r
from backend.ledger.balances import MOVES
from backend.ledger.booking import Books

SOFT_MIN, SOFT_MAX = "soft_min", "soft_max"


@dataclass(frozen=True, slots=True)
class Notice:
    """`crossed` is soft_min or soft_max, `bound` the limit and `balance` what it was then."""

    transfer_id: int
    account_id: int
    crossed: str
    bound: int
    balance: int
    recorded_us: int


def crossing(
    before: int, after: int, soft_min: int | None, soft_max: int | None
) -> tuple[str, int] | None:
    """The soft limit that a change of balance crosses, and its bound."""
    if soft_min is not None and before >= soft_min > after:
        return SOFT_MIN, soft_min
    if soft_max is not None and before <= soft_max < after:
        return SOFT_MAX, soft_max
    return None


def note(books: Books) -> None:
    """Puts the notices of a decided batch on its sheet."""
    soft, money = books.purses.soft, books.purses.money
    changes = [
        (row.id, account_id, change, row.recorded_us)
        for row in books.sheet.transfers
        if row.state in MOVES
        for account_id, change in ((row.debit, -row.amount), (row.credit, row.amount))
        if account_id in soft
    ]
    balances: dict[int, int] = {}
    for _, account_id, change, _ in changes:
        balances[account_id] = balances.get(account_id, money[account_id].posted) - change
    for transfer_id, account_id, change, recorded_us in changes:
        before = balances[account_id]
        after = balances[account_id] = before + change
        terms = books.purses.terms[account_id]
        crossed = crossing(before, after, terms.soft_min, terms.soft_max)
        if crossed is not None:
            books.sheet.notices.append(
                (books.ledger_id, transfer_id, account_id, *crossed, after, recorded_us)
            )


def notices(
    conn: Connection,
    ledger_id: int,
    account_id: int | None = None,
    *,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Notice]:
    """Notices of one account or of all, newest first, those before a transfer.

    One more than `limit` where the last transfer crossed a limit of both its accounts.
    """
    row = r.notice.c
    query = select(*(row[name] for name in Notice.__slots__)).where(row.ledger_id == ledger_id)
    if account_id is not None:
        query = query.where(row.account_id == account_id)
    if before_id is not None:
        query = query.where(row.transfer_id < before_id)
    query = query.order_by(row.transfer_id.desc(), row.account_id)
    found = [Notice(*each) for each in conn.execute(query.limit(limit + 1))]
    if len(found) > limit and found[limit].transfer_id != found[limit - 1].transfer_id:
        found.pop()
    return found
