"""Reading money: balances now, and an account's statement.

A balance is its folded counters plus the tail of transfers after `folded_id`, read in one
statement so that a fold between the two is never counted twice. Holds that wait take away from
what is available. A balance of the past is the nearest snapshot before it and a short tail.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    case,
    func,
    literal,
    literal_column,
    select,
    union_all,
)

from backend.ledger import tables as t
from backend.ledger.accounts import ISSUER
from backend.ledger.errors import UnknownAccount
from backend.ledger.transfers import Code, State

# SQLite allows 32,766 parameters in a statement; a page of ids stays far below.
_CHUNK = 500
# Spelt out, since a partial index is found by its very words.
NOT_MINTED = t.transfer.c.code != literal_column(str(int(Code.MINT)))
MOVES = (int(State.SINGLE), int(State.POST))


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units. `available` = posted minus what is held for open payments."""

    posted: int
    held: int
    available: int
    debits: int
    credits: int


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of an account: `amount` is signed, `balance_after` is exact at that moment."""

    transfer_id: int
    group_id: int
    code: int
    amount: int
    balance_after: int
    other_account_id: int
    effective_s: int
    recorded_us: int
    source_id: int | None
    epoch: int | None
    seq: int | None


def balance(conn: Connection, ledger_id: int, account_id: int) -> Balance:
    """One account's balance. Raises UnknownAccount."""
    return balances(conn, ledger_id, (account_id,))[account_id]


def balances(conn: Connection, ledger_id: int, account_ids: Iterable[int]) -> Mapping[int, Balance]:
    """The balance of each account asked for. Raises UnknownAccount for the first that is none."""
    ids = sorted(set(account_ids))
    found: dict[int, Balance] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        asked = balance_query(ledger_id).where(t.account_balance.c.account_id.in_(chunk))
        for row in conn.execute(asked):
            posted = row.credits - row.debits
            found[row.account_id] = Balance(
                posted, row.held, posted - row.held, row.debits, row.credits
            )
    for account_id in ids:
        if account_id not in found:
            raise UnknownAccount(f"There is no account {account_id} in this ledger.")
    return found


@lru_cache  # putting the statement together costs more than running it
def balance_query(ledger_id: int) -> Select[Any]:
    """Selects account_id, debits, credits, held of every account; narrow it with `where`."""
    folded = t.account_balance.c
    row = t.transfer.c
    debited = row.debit == folded.account_id
    minted = _tail(None, debited, row.code == Code.MINT)
    debits = (
        folded.debits_posted
        + _tail("debit", debited, NOT_MINTED)
        + case((folded.account_id == ISSUER, minted), else_=0)
    )
    credits = folded.credits_posted + _tail("credit", row.credit == folded.account_id)
    held = _sum(t.hold_open.c.amount).where(
        t.hold_open.c.ledger_id == folded.ledger_id,
        t.hold_open.c.debit == folded.account_id,
    )
    return select(
        folded.account_id,
        debits.label("debits"),
        credits.label("credits"),
        held.scalar_subquery().label("held"),
    ).where(folded.ledger_id == ledger_id)


def _sum(column: Column[Any]) -> Select[Any]:
    """A sum as an integer: PostgreSQL's own sum of BIGINTs is a NUMERIC."""
    return select(func.coalesce(func.sum(column), 0).cast(column.type))


def by_side(query: Select[Any], side: str | None) -> Select[Any]:
    """Reads the transfers of an account through the index of its side ("debit", "credit").

    Left alone, SQLite walks all transfers since the fold, which for a quiet account are many.
    `side` None is the issuer's minting, which no index has.
    """
    return (
        query
        if side is None
        else query.with_hint(t.transfer, f"INDEXED BY ix_transfer_{side}", "sqlite")
    )


def _tail(side: str | None, *which: ColumnElement[bool]) -> ColumnElement[int]:
    """The sum of the transfers that the account's folded counters do not hold yet."""
    query = by_side(_sum(t.transfer.c.amount), side).where(
        t.transfer.c.ledger_id == t.account_balance.c.ledger_id,
        t.transfer.c.id > t.account_balance.c.folded_id,
        t.transfer.c.state.in_(MOVES),
        *which,
    )
    return query.scalar_subquery()


def balance_at(conn: Connection, ledger_id: int, account_id: int, upto_id: int) -> tuple[int, int]:
    """(debits, credits) of an account after the transfer `upto_id`, from the nearest snapshot."""
    row = t.balance_snapshot.c
    found = conn.execute(
        select(row.upto_id, row.debits, row.credits)
        .where(row.ledger_id == ledger_id, row.account_id == account_id, row.upto_id <= upto_id)
        .order_by(row.upto_id.desc())
        .limit(1)
    ).one_or_none()
    from_id, debits, credits = found or (0, 0, 0)
    transfer = t.transfer.c
    for side in _sides(ledger_id, account_id):
        tail = by_side(_sum(transfer.amount), side.name).where(
            *side.where, transfer.id > from_id, transfer.id <= upto_id
        )
        amount = conn.scalar(tail) or 0
        if side.sign > 0:
            credits += amount
        else:
            debits += amount
    return debits, credits


def balances_at(
    conn: Connection, ledger_id: int, account_ids: Iterable[int], upto_id: int
) -> Mapping[int, tuple[int, int]]:
    """(debits, credits) of each account after the transfer `upto_id`: of many in one statement.

    Only for accounts that mint nothing, whose every transfer an index finds.
    """
    ids = sorted(set(account_ids))
    found: dict[int, tuple[int, int]] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        asked = _then_query(ledger_id, upto_id).where(t.account.c.id.in_(chunk))
        found |= {row.id: (row.debits, row.credits) for row in conn.execute(asked)}
    return found


def _then_query(ledger_id: int, upto_id: int) -> Select[Any]:
    """Selects id, debits, credits of every account after a transfer; narrow it with `where`."""
    kept, row, account = t.balance_snapshot.c, t.transfer.c, t.account.c
    mine = (kept.ledger_id == account.ledger_id, kept.account_id == account.id)
    before = t.balance_snapshot.alias().c
    newest = (
        select(func.max(before.upto_id))
        .where(before.ledger_id == account.ledger_id, before.account_id == account.id)
        .where(before.upto_id <= upto_id)
        .correlate(t.account)
        .scalar_subquery()
    )

    def then(side: str, counted: Column[Any], *which: ColumnElement[bool]) -> ColumnElement[int]:
        start = select(counted).where(*mine, kept.upto_id == newest).scalar_subquery()
        tail = by_side(_sum(row.amount), side).where(
            row.ledger_id == account.ledger_id, row.state.in_(MOVES), *which,
            row.id > func.coalesce(newest, 0), row.id <= upto_id,
        )  # fmt: skip
        return func.coalesce(start, 0) + tail.scalar_subquery()

    return select(
        account.id,
        then("debit", kept.debits, row.debit == account.id, NOT_MINTED).label("debits"),
        then("credit", kept.credits, row.credit == account.id).label("credits"),
    ).where(account.ledger_id == ledger_id)


def moves_between(ledger_id: int, account_id: int, after_id: int, upto_id: int) -> Select[Any]:
    """Selects (id, +1 or -1, amount) of an account in order, `after_id` < id <= `upto_id`."""
    row = t.transfer.c
    moved = [
        by_side(select(row.id, literal(side.sign).label("sign"), row.amount), side.name).where(
            *side.where, row.id > after_id, row.id <= upto_id
        )
        for side in _sides(ledger_id, account_id)
    ]
    both = union_all(*moved).subquery()
    return select(both).order_by(both.c.id)


def statement(
    conn: Connection,
    ledger_id: int,
    account_id: int,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Line]:
    """The account's movements, newest first, those with a transfer id below `before_id`.

    The next page starts before the last line's transfer id. Raises UnknownAccount.
    """
    after = balance(conn, ledger_id, account_id).posted
    if before_id is not None:
        debits, credits = balance_at(conn, ledger_id, account_id, before_id - 1)
        after = credits - debits
    lines: list[Line] = []
    for row in conn.execute(_page(ledger_id, account_id, before_id, limit)):
        amount = row.sign * row.amount
        lines.append(
            Line(
                transfer_id=row.id,
                group_id=row.group_id,
                code=row.code,
                amount=amount,
                balance_after=after,
                other_account_id=row.debit if row.sign > 0 else row.credit,
                effective_s=row.effective_s,
                recorded_us=row.recorded_us,
                source_id=row.source_id,
                epoch=row.epoch,
                seq=row.seq,
            )
        )
        after -= amount
    return lines


def _page(ledger_id: int, account_id: int, before_id: int | None, limit: int) -> Select[Any]:
    """The newest `limit` rows of both sides: each side is read through its own index."""
    newest = []
    for side in _sides(ledger_id, account_id):
        every = select(t.transfer, literal(side.sign).label("sign"))
        query = by_side(every, side.name).where(*side.where)
        if before_id is not None:
            query = query.where(t.transfer.c.id < before_id)
        newest.append(select(query.order_by(t.transfer.c.id.desc()).limit(limit).subquery()))
    both = union_all(*newest).subquery()
    return select(both).order_by(both.c.id.desc()).limit(limit)


class _Side(NamedTuple):
    """One side of an account's transfers: +1 for credits, -1 for debits, and how to read it."""

    sign: int
    name: str | None
    where: tuple[ColumnElement[bool], ...]


def _sides(ledger_id: int, account_id: int) -> list[_Side]:
    """The sides of an account. An issuer's minting has no index of its own."""
    row = t.transfer.c
    common = (row.ledger_id == ledger_id, row.state.in_(MOVES))
    sides = [
        _Side(1, "credit", (*common, row.credit == account_id)),
        _Side(-1, "debit", (*common, row.debit == account_id, NOT_MINTED)),
    ]
    if account_id == ISSUER:
        sides.append(_Side(-1, None, (*common, row.debit == account_id, row.code == Code.MINT)))
    return sides
