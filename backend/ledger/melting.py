"""Credit that melts by rule goes back to its issuer: a batch at a time, once an account and moment.

A run is a rule's turn at a moment, for all members' accounts of its currency in the order of their
numbers. Each batch of it is one transaction with a row of `melt_run` that says how far it came, so
that a run that was cut off goes on behind it; what it took is named (account, moment) in `melted`.
A run that began ends by its own rule, whatever was decided meanwhile.

The town's own accounts and merchants keep what they took in, closed accounts stay as they are,
and what is held for an open payment is left alone. What melts later than its moment, since the
town's machine was off, is no more than is there by then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from backend.ledger import balances, history, loading
from backend.ledger import rule_tables as r
from backend.ledger import tables as t
from backend.ledger.accounts import PERSON
from backend.ledger.booking import Books, write_transfer
from backend.ledger.errors import LedgerError
from backend.ledger.melt_terms import CODES, MeltRule
from backend.ledger.rules import Rules
from backend.ledger.transfers import check_leg, move

# Accounts that are looked at in one batch; the rest follow in the next.
BATCH = 256


@dataclass(frozen=True, slots=True)
class Melt:
    """Do the next batch of what is due, if anything is."""


@dataclass(frozen=True, slots=True)
class Melted:
    """A batch that was done: how many accounts gave back how much, at the moment `due_s`.

    `last`: its run is over. Another one may be due.
    """

    currency_id: int
    due_s: int
    accounts: int
    amount: int
    last: bool


class Turn(NamedTuple):
    """Where a run goes on: its rule and moment, its next part, and the last account before it."""

    rule: MeltRule
    due_s: int
    part: int
    after_account: int


@dataclass(frozen=True, slots=True)
class MeltBatch:
    """A turn as it was read under the lock: whose credit melts, and how much by the rule."""

    turn: Turn
    issuer: int
    upto_account: int
    last: bool
    amounts: dict[int, int]


def next_turn(conn: Connection, ledger_id: int, rules: Rules, now_s: int) -> Turn | None:
    """The next batch that is due: of a run that was not ended, or of a new one."""
    in_force = {rule.currency_id: rule for rule in rules.melting.values()}
    row = r.melt_run.c
    for currency_id, rule in sorted(in_force.items()):
        newest = select(r.melt_run).where(
            row.ledger_id == ledger_id, row.currency_id == currency_id
        )
        ran = conn.execute(newest.order_by(row.due_s.desc(), row.part.desc()).limit(1)).first()
        if ran is not None and not ran.last:
            return Turn(rules.melting[ran.rule_no], ran.due_s, ran.part + 1, ran.upto_account)
        due_s = rule.due(0 if ran is None else ran.due_s, now_s)
        if due_s is not None:
            return Turn(rule, due_s, 0, 0)
    return None


def load(conn: Connection, books: Books) -> MeltBatch | None:
    """Reads the next batch, before anything else of this transaction moves money."""
    ledger_id = books.ledger_id
    turn = next_turn(conn, ledger_id, books.rules, books.clock_us // 1_000_000)
    if turn is None:
        return None
    ids = _members(conn, ledger_id, turn)
    last = len(ids) < BATCH
    issuer = books.rules.money[turn.rule.currency_id].issuer
    terms = loading.terms(conn, ledger_id, ids)
    may = [a for a in ids if not terms[a].closed and not books.rules.merchants.get(a)]
    amounts = dict(_amounts(conn, ledger_id, turn, may))
    return MeltBatch(turn, issuer, ids[-1] if ids else turn.after_account, last, amounts)


def _members(conn: Connection, ledger_id: int, turn: Turn) -> list[int]:
    row = t.account.c
    theirs = select(row.id).where(
        row.ledger_id == ledger_id,
        row.id > turn.after_account,
        row.currency_id == turn.rule.currency_id,
        row.owner_ref.startswith(PERSON),
    )
    return list(conn.scalars(theirs.order_by(row.id).limit(BATCH)))


def _amounts(
    conn: Connection, ledger_id: int, turn: Turn, account_ids: list[int]
) -> Iterator[tuple[int, int]]:
    """(account, what melts of it) where anything does."""
    now = balances.balances(conn, ledger_id, account_ids)
    funded = [each for each in account_ids if now[each].available > 0]
    cutoff_us = turn.rule.cutoff_s(turn.due_s) * 1_000_000
    upto_id = history.id_at(conn, ledger_id, cutoff_us - 1) if funded else 0
    for each, then in balances.balances_at(conn, ledger_id, funded, upto_id).items():
        has = now[each]
        amount = turn.rule.amount(then, has.debits, has.held, has.credits)
        if amount > 0:
            yield each, amount


def melt(books: Books) -> Melted | None:
    """Books the loaded batch; None if nothing was due.

    Where this transaction has paid claims first, what was read is older than the books: then the
    batch is left for the next transaction.
    """
    batch = books.melting
    if batch is None:
        return None
    turn, from_id = batch.turn, books.next_id
    if books.paid:
        return Melted(turn.rule.currency_id, turn.due_s, 0, 0, False)
    total = 0
    for account_id, amount in batch.amounts.items():
        if not _has_room(books, account_id, batch.issuer, amount):
            continue
        _take(books, turn, account_id, batch.issuer, amount)
        total += amount
    values: dict[str, Any] = {
        "ledger_id": books.ledger_id,
        "currency_id": turn.rule.currency_id,
        "due_s": turn.due_s,
        "part": turn.part,
        "rule_no": turn.rule.number,
        "upto_account": batch.upto_account,
        "last": batch.last,
        "from_id": from_id,
        "upto_id": books.next_id - 1,
        "amount": total,
    }
    books.sheet.rows.append((r.melt_run, values))
    done = (turn.rule.currency_id, turn.due_s, books.next_id - from_id, total, batch.last)
    return Melted(*done)


def _has_room(books: Books, account_id: int, issuer: int, amount: int) -> bool:
    """An account whose own limits stand against it keeps its credit."""
    try:
        check_leg(books.purses, account_id, issuer, amount)
    except LedgerError:
        return False
    return True


def _take(books: Books, turn: Turn, account_id: int, issuer: int, amount: int) -> None:
    move(books.purses, account_id, issuer, amount)
    code = CODES[turn.rule.melting.way]
    transfer_id = write_transfer(books, account_id, issuer, amount, code, turn.due_s)
    values = {
        "ledger_id": books.ledger_id,
        "account_id": account_id,
        "due_s": turn.due_s,
        "rule_no": turn.rule.number,
        "transfer_id": transfer_id,
    }
    books.sheet.rows.append((r.melted, values))


def melted_upto(
    conn: Connection, ledger_id: int, currency_id: int, issuer: int, upto_id: int | None
) -> int:
    """What melted of a currency, in all or up to a transfer: sums of batches and a short tail."""
    run = r.melt_run.c
    whole = select(func.coalesce(func.sum(run.amount), 0), func.max(run.upto_id)).where(
        run.ledger_id == ledger_id, run.currency_id == currency_id
    )
    if upto_id is not None:
        whole = whole.where(run.upto_id <= upto_id)
    summed, last_id = conn.execute(whole).one()
    if upto_id is None:
        return int(summed)
    row = t.transfer.c
    tail = select(func.coalesce(func.sum(row.amount), 0)).where(
        row.ledger_id == ledger_id,
        row.credit == issuer,
        row.code.in_([int(code) for code in CODES.values()]),
        row.id > (last_id or 0),
        row.id <= upto_id,
    )
    return int(summed) + int(conn.scalar(tail) or 0)
