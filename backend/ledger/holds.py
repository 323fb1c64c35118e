"""Holds: money that is reserved first and moves later, in whole or in part, or not at all.

A hold is a leg with `HoldTerms`. It takes from what its payer may spend and counts against its
payee's maximum, so that whatever becomes of it no limit breaks. It is settled once: posted up to
its amount (the rest is free again), voided, or ended as its terms say when its time has run out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.ledger.booking import Books, write_transfer
from backend.ledger.errors import AboveHold, BadGroup, HoldSettled, UnknownHold
from backend.ledger.repeats import remember, replayed
from backend.ledger.rules import check_crossings
from backend.ledger.transfers import (
    MAX_LEGS,
    Idempotency,
    Posted,
    State,
    check_amount,
    move,
    reserve,
)

# Holds ended in one batch; the rest follow in the next.
DUE = 256


@dataclass(frozen=True, slots=True)
class Settle:
    """Post a hold: `amount` None means the whole of it; what is left over is free again."""

    hold_id: int
    amount: int | None = None
    idempotency: Idempotency | None = None
    rows: tuple[()] = ()

    @property
    def hold_ids(self) -> tuple[int, ...]:
        return (self.hold_id,)


@dataclass(frozen=True, slots=True)
class Void:
    """Let a hold go: nothing moves."""

    hold_id: int
    idempotency: Idempotency | None = None
    rows: tuple[()] = ()

    @property
    def hold_ids(self) -> tuple[int, ...]:
        return (self.hold_id,)


@dataclass(frozen=True, slots=True)
class SettleAll:
    """Settle several holds in one group, all or none: post each whole, or void each.

    `rows` are the caller's rows of the same event, as in a `Group`.
    """

    hold_ids: tuple[int, ...]
    void: bool = False
    idempotency: Idempotency | None = None
    rows: tuple[tuple[Any, Mapping[str, Any]], ...] = ()


Settling = Settle | Void | SettleAll


@dataclass(frozen=True, slots=True)
class ExpireHolds:
    """End the holds whose time has run out, as their terms say; answers how many."""


class OpenHold(NamedTuple):
    """A hold as the books have it. `open` is False once it is settled."""

    id: int
    debit: int
    credit: int
    amount: int
    code: int
    effective_s: int
    expires_s: int
    on_expiry: str
    open: bool


def settle(books: Books, asked: Settle | Void) -> Posted:
    """Books the end of a hold. Raises UnknownHold, HoldSettled, AboveHold, BadAmount."""
    posted = replayed(books, asked.idempotency, Posted)
    if posted is not None:
        return posted
    hold = _open(books, asked.hold_id)
    if isinstance(asked, Void):
        posted = _end(books, hold, hold.amount, State.VOID)
    else:
        amount = hold.amount if asked.amount is None else asked.amount
        check_amount(amount)
        if amount > hold.amount:
            raise AboveHold(
                f"Hold {hold.id} reserves {hold.amount}; {amount} cannot be taken from it.",
                hold_id=hold.id,
                held=hold.amount,
                asked=amount,
            )
        posted = _end(books, hold, amount, State.POST)
    remember(books, asked.idempotency, posted)
    return posted


def settle_all(books: Books, asked: SettleAll) -> Posted:
    """Books the end of several holds and the caller's rows, or nothing.

    Raises BadGroup, UnknownHold, HoldSettled, IllegalCrossing.
    """
    posted = replayed(books, asked.idempotency, Posted)
    if posted is not None:
        return posted
    if not 0 < len(set(asked.hold_ids)) == len(asked.hold_ids) <= MAX_LEGS:
        raise BadGroup(f"1 to {MAX_LEGS} holds are settled together, each of them once.")
    found = [_open(books, hold_id) for hold_id in asked.hold_ids]
    ways = {(books.purses.terms[each.debit].currency_id, each.code) for each in found}
    check_crossings(books.rules, ways)
    state, group_id, recorded_us = (
        State.VOID if asked.void else State.POST,
        books.next_id,
        books.clock_us + 1,
    )
    ids = tuple(_end(books, each, each.amount, state, group_id).transfer_ids[0] for each in found)
    named = {"ledger_id": books.ledger_id, "group_id": group_id}
    rows = tuple((table, {**values, **named}) for table, values in asked.rows)
    books.sheet.rows.extend(rows)
    posted = Posted(group_id, ids, recorded_us, False, tuple(values for _, values in rows))
    remember(books, asked.idempotency, posted)
    return posted


def expire(books: Books) -> int:
    """Ends the loaded holds that are due; returns how many."""
    due = [hold for hold in books.holds.values() if hold.open and _is_over(books, hold)]
    for hold in sorted(due):
        _end(books, hold, hold.amount, State.POST if hold.on_expiry == "post" else State.VOID)
    return len(due)


def _open(books: Books, hold_id: int) -> OpenHold:
    hold = books.holds.get(hold_id)
    if hold is None:
        raise UnknownHold(f"There is no hold {hold_id} in this ledger.")
    if not hold.open:
        raise HoldSettled(f"Hold {hold_id} was settled before; make a new one.")
    if _is_over(books, hold):
        raise HoldSettled(f"The time of hold {hold_id} has run out; make a new one.")
    return hold


def _is_over(books: Books, hold: OpenHold) -> bool:
    return hold.expires_s * 1_000_000 <= books.clock_us


def _end(
    books: Books, hold: OpenHold, amount: int, state: State, group_id: int | None = None
) -> Posted:
    reserve(books.purses, hold.debit, hold.credit, -hold.amount)
    if state is State.POST:
        move(books.purses, hold.debit, hold.credit, amount)
    transfer_id = write_transfer(
        books, hold.debit, hold.credit, amount, hold.code, hold.effective_s,
        state=state, pending_id=hold.id, group_id=group_id,
    )  # fmt: skip
    books.holds[hold.id] = hold._replace(open=False)
    books.sheet.holds_ended.append(hold.id)
    return Posted(transfer_id, (transfer_id,), books.clock_us, False)


def sides(holds: Iterable[OpenHold]) -> set[int]:
    """The accounts whose money the end of these holds touches."""
    return {account for hold in holds for account in (hold.debit, hold.credit)}
