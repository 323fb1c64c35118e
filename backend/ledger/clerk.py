"""One transaction of a poster: take the lock, load, decide, write, commit.

What was read once is kept for the next batch and believed only while nobody else has written in
between: then the head row under the lock is the very one that this clerk wrote last.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from backend import db
from backend.ledger import (
    booking,
    holds,
    loading,
    log,
    melting,
    notices,
    repeats,
    resolve,
    rules,
    tiles,
)
from backend.ledger import tables as t
from backend.ledger.accounts import ISSUER, SHORTFALL, SUSPENSE
from backend.ledger.booking import Books, ClaimDue
from backend.ledger.capacity import LARGE
from backend.ledger.clock import BooksClock
from backend.ledger.errors import LedgerError, UnknownAccount
from backend.ledger.holds import ExpireHolds, Settle, SettleAll, Settling, Void
from backend.ledger.log import SignLog
from backend.ledger.melting import Melt
from backend.ledger.resolve import Amend, PayClaims, Resolution, SetBudget
from backend.ledger.rules import RuleChange, Rules
from backend.ledger.sheet import Budget, Sheet
from backend.ledger.store import Head, Insert, Journal, store_for
from backend.ledger.tiles import Appender
from backend.ledger.transfers import Entry, Group, Purses

logger = logging.getLogger(__name__)

Request = (
    Entry | Group | Settling | ExpireHolds | Resolution | SetBudget | PayClaims | Amend
    | Melt | SignLog | RuleChange
)  # fmt: skip
# More than the microseconds that the largest batch takes of recorded time.
_EDGE_US = 200_000
# Transfers that the log catches up with in one go, after it was switched off.
_CATCH_UP = 4_096


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a poster: everything has one."""

    queue: int = 20_000
    batch: int = 1_024
    # The clock may have stood still while the town's machine was off, but not for ever.
    max_forward_s: int = 90 * 86_400
    max_back_s: int = 300
    # A clock that is stepped while the books are open is not believed beyond this.
    max_leap_s: int = 600
    # Transfers that an account's balance is summed from before they are folded.
    tail: int = 64
    # The issuer is in every deposit and has no limit to check: folded rarely.
    issuer_tail: int = 4_096
    # Accounts folded in one turn.
    fold: int = 256
    # Accounts whose terms and money are kept between batches.
    accounts: int = 200_000
    # Whether tiles of the log are written with the transfers; else at the next start.
    log: bool = True


@dataclass(slots=True)
class _Kept:
    """What was read under an earlier lock and is true as long as the head is `head`."""

    head: Head
    purses: Purses = field(default_factory=Purses)
    budgets: list[Budget] | None = None
    no_claims: bool = False
    rules: Rules | None = None
    marks: dict[Journal, int] = field(default_factory=dict)


class Clerk:
    """Books batches of a ledger. `now_us` is the wall clock, Unix time in microseconds.

    `steady_us` counts from anywhere and is never stepped; the wall clock is held against it.
    """

    def __init__(
        self,
        engine: Engine,
        ledger_id: int,
        now_us: Callable[[], int],
        limits: Limits,
        steady_us: Callable[[], int] | None = None,
    ) -> None:
        self._engine = engine
        self._store = store_for(engine.dialect.name)(ledger_id)
        self._ledger_id = ledger_id
        bounds = (limits.max_forward_s, limits.max_back_s, limits.max_leap_s)
        self._clock = BooksClock(now_us, steady_us, *bounds)
        self._limits = limits
        self._kept: _Kept | None = None
        self._appender: Appender | None = None
        self._tails: Counter[int] = Counter()
        self._long: set[int] = set()
        self._issuer_tail = 0
        self._driver_error = engine.dialect.loaded_dbapi.Error

    def open(self) -> None:
        """Reads what waits to be folded, and brings the log up to date."""
        with db.read(self._engine) as conn:
            self._tails = loading.tails(conn, self._ledger_id)
        self._issuer_tail = self._tails[ISSUER]
        self._long = {a for a, count in self._tails.items() if count > self._bound(a)}
        with suppress(UnknownAccount), db.begin(self._engine) as conn:
            self._open_log(conn, self._store.lock(conn))

    def _open_log(self, conn: Connection, head: Head) -> None:
        """Writes the tiles of transfers that were booked while the log was off."""
        if self._appender is not None or not self._limits.log:
            return
        self._appender = Appender(self._ledger_id, log.origin(conn, self._ledger_id).salt)
        done = tiles.written(conn, self._ledger_id) * tiles.WIDTH
        while done + tiles.WIDTH < head.next_id:
            rows = loading.transfers(conn, self._ledger_id, done, _CATCH_UP)
            self._store.bulk(conn, t.log_tile, self._appender.extend(conn, rows))
            done += len(rows)

    def book(self, requests: Sequence[Request]) -> list[Any]:
        """Books requests in one transaction: an answer or a LedgerError for each, in order."""
        # Until this batch has committed, what was kept is in doubt.
        kept, self._kept = self._kept, None
        with db.begin(self._engine) as conn:
            head = self._store.lock(conn)
            self._open_log(conn, head)
            if kept is None or kept.head != head:
                kept = _Kept(head, rules=_still(kept, head))
                if self._appender is not None:
                    self._appender.forget()
            books = self._load(conn, kept, requests)
            if self._appender is not None:
                self._appender.begin(conn, head.next_id - 1)
            with self._store.inserting(conn) as insert:
                answers = []
                size = self._store.PART or len(requests)
                for first in range(0, len(requests), size):
                    for request in requests[first : first + size]:
                        answers.append(self._decide(conn, books, request))
                    self._send(insert, books.sheet)
            if books.purses.soft:
                notices.note(books)
            if books.sheet:
                books.tick()  # the head is another one after each batch that wrote
                self._write(conn, books)
        if books.sheet:
            self._keep(kept, books)
        self._kept = kept
        return answers

    def _keep(self, kept: _Kept, books: Books) -> None:
        kept.head = Head(books.next_id, books.clock_us, books.terms_no)
        if books.sheet.budgets:
            kept.budgets = None
        if books.sheet.claims_opened:
            kept.no_claims = False
        if books.rules_changed:
            kept.rules = None
        if len(kept.purses.terms) > self._limits.accounts:
            kept.purses = Purses()
        if len(kept.marks) > self._limits.accounts:
            kept.marks = {}
        self._count_tails(books)

    def _send(self, insert: Insert, sheet: Sheet) -> None:
        """Sends what was decided last; leaves of the log are hashed while it is inserted."""
        transfers = sheet.transfers[sheet.transfers_sent :]
        insert(t.transfer, transfers)
        sheet.transfers_sent += len(transfers)
        if self._appender is not None:
            self._appender.add(transfers)
        records = sheet.records[sheet.records_sent :]
        insert(t.record, records)
        sheet.records_sent += len(records)

    def _write(self, conn: Connection, books: Books) -> None:
        """Writes all else of a decided batch."""
        if self._appender is not None:
            books.sheet.tiles = self._appender.made(conn)
        self._store.write(conn, books)

    def _decide(self, conn: Connection, books: Books, request: Request) -> Any:
        try:
            if type(request) is Entry:
                return booking.book_entry(books, request)
            return self._decide_other(conn, books, request)
        except LedgerError as error:
            repeats.remember_refusal(books, request, error)
            return error

    def _decide_other(self, conn: Connection, books: Books, request: Any) -> Any:
        match request:
            case Group():
                return booking.book_group(books, request)
            case Resolution():
                return resolve.resolve(books, request)
            case SetBudget():
                return resolve.set_budget(books, request)
            case Settle() | Void():
                return holds.settle(books, request)
            case SettleAll():
                return holds.settle_all(books, request)
            case ExpireHolds():
                return holds.expire(books)
            case Melt():
                return melting.melt(books)
            case PayClaims():
                return books.paid
            case SignLog():
                return log.checkpoint(conn, self._ledger_id, request, books.clock_us)
            case Amend():
                number = loading.terms_count(conn, self._ledger_id, request.account_id)
                return resolve.amend(books, request, number)
            case _:
                return rules.decide(conn, books, request)

    def _load(self, conn: Connection, kept: _Kept, requests: Sequence[Request]) -> Books:
        """Everything the batch is decided by, read under the lock."""
        head = kept.head
        books = Books(self._ledger_id, head.next_id, self._clock.read(head.clock_us), head.terms_no)
        by_type: dict[type, list[Any]] = defaultdict(list)
        for request in requests:
            by_type[type(request)].append(request)
        entries, groups, resolutions = (by_type[kind] for kind in (Entry, Group, Resolution))
        if entries:
            books.known = self._store.known(conn, [entry.key[:3] for entry in entries], kept.marks)
            if books.known:
                self._load_quarantined(conn, books, entries)
        settling = [*by_type[Settle], *by_type[SettleAll], *by_type[Void]]
        if groups or settling or by_type[Melt]:
            books.rules = kept.rules = kept.rules or rules.load(conn, self._ledger_id)
        if groups or settling:
            books.replays = loading.replays(conn, self._ledger_id, [*groups, *settling])
            named = {leg.corrects_id for g in groups for leg in g.legs if leg.corrects_id}
            books.corrected = loading.corrected(conn, self._ledger_id, named)
        if settling:
            books.holds = loading.holds(
                conn, self._ledger_id, {h for r in settling for h in r.hold_ids}
            )
        if by_type[ExpireHolds]:
            now_s = books.clock_us // 1_000_000
            books.holds = loading.holds_due(conn, self._ledger_id, now_s)
        if resolutions:
            books.waiting = loading.waiting(conn, self._ledger_id, {r.name for r in resolutions})
        self._load_budget(conn, kept, books, requests)
        if by_type[Melt]:
            books.melting = melting.load(conn, books)
        self._load_money(conn, kept, books, requests)
        self._pay_claims(conn, kept, books)
        return books

    def _pay_claims(self, conn: Connection, kept: _Kept, books: Books) -> None:
        """Pays what is due, and looks further where full accounts alone keep claims waiting."""
        books.paid = resolve.pay_claims(books) if books.due else 0
        while books.due_passed and books.due_more and not books.paid:
            self._set_due(books, loading.due(conn, self._ledger_id, books.due[-1]))
            accounts = {claim.account_id for claim in books.due}
            self._learn(conn, kept, set(), accounts)
            if max((claim.amount for claim in books.due), default=0) > LARGE:
                self._learn_turned(conn, books, accounts)  # nothing has moved in this batch yet
            books.paid = resolve.pay_claims(books)

    def _set_due(self, books: Books, due: list[ClaimDue]) -> None:
        books.due, books.due_more = due[: loading.CLAIMS], len(due) > loading.CLAIMS
        books.claims_wait = bool(due)

    def _load_quarantined(self, conn: Connection, books: Books, entries: Sequence[Entry]) -> None:
        other = {
            entry.key[:3]
            for entry in entries
            if (known := books.known.get(entry.key[:3])) and known.hash != entry.key.hash
        }
        if other:
            books.quarantined = self._store.quarantined(conn, other)

    def _load_budget(
        self, conn: Connection, kept: _Kept, books: Books, requests: Sequence[Request]
    ) -> None:
        if kept.budgets is None:
            kept.budgets = loading.budgets(conn, self._ledger_id)
        books.budgets = kept.budgets
        books.budgeted = bool(books.budgets)
        for edge_s in {edge for b in books.budgets for edge in (b.from_s, b.until_s)}:
            # No batch lies across the edge of a period: it is recorded after it.
            if 0 < edge_s * 1_000_000 - books.clock_us < _EDGE_US:
                books.clock_us = edge_s * 1_000_000
        now_s = books.clock_us // 1_000_000
        for budget in books.budgets:
            if budget.from_s <= now_s < budget.until_s:
                books.budget = budget
        if books.budgeted and not kept.no_claims:
            due = loading.due(conn, self._ledger_id)
            kept.no_claims = not due
            self._set_due(books, due)
        for request in requests:
            if type(request) is SetBudget:
                books.minted = loading.minted_since(conn, self._ledger_id, request.from_s)

    def _load_money(
        self, conn: Connection, kept: _Kept, books: Books, requests: Sequence[Request]
    ) -> None:
        debits, credits, large = loading.sides(books, requests)
        held = holds.sides(books.holds.values())
        books.purses = kept.purses
        self._learn(conn, kept, debits | held, credits | held)
        books.purses.turned = {}
        if large:
            self._learn_turned(conn, books, debits | credits | held)

    def _learn_turned(self, conn: Connection, books: Books, account_ids: set[int]) -> None:
        asked = account_ids | {ISSUER, SUSPENSE, SHORTFALL}
        books.purses.turned |= loading.turned(conn, self._ledger_id, asked)

    def _learn(self, conn: Connection, kept: _Kept, debits: set[int], credits: set[int]) -> None:
        """Reads the terms and the money that are not known yet."""
        terms, money = kept.purses.terms, kept.purses.money
        missing = (debits | credits | {ISSUER, SUSPENSE}) - terms.keys()
        if missing:
            kept.purses.learn(loading.terms(conn, self._ledger_id, missing))
        limited = kept.purses.limited(debits, credits | {SUSPENSE}) - money.keys()
        if limited:
            money.update(loading.money(conn, self._ledger_id, limited))

    def _count_tails(self, books: Books) -> None:
        touched = Counter(map(itemgetter(2), books.sheet.transfers))
        touched.update(map(itemgetter(3), books.sheet.transfers))
        for account_id, count in touched.items():
            self._tails[account_id] += count
            if self._tails[account_id] >= self._bound(account_id):
                self._long.add(account_id)
        # No index finds what the issuer minted: its tail is all that was booked since its fold.
        self._issuer_tail += len(books.sheet.transfers)
        if self._issuer_tail >= self._limits.issuer_tail:
            self._long.add(ISSUER)

    def _bound(self, account_id: int) -> int:
        return self._limits.issuer_tail if account_id == ISSUER else self._limits.tail

    def tidy(self, pressed: bool) -> bool:
        """Folds long tails for one short turn; returns whether there is more to do.

        Under a load that never pauses (`pressed`) it waits until enough has gathered.
        """
        if len(self._long) < (self._limits.fold if pressed else 1):
            return False
        folded = {a: self._tails[a] for a in list(self._long)[: self._limits.fold]}
        try:
            with db.begin(self._engine) as conn:
                head = self._store.lock(conn)
                self._store.fold(conn, folded, head.next_id - 1)
        except (SQLAlchemyError, self._driver_error):
            # It only saves time later; the books are as true without it.
            logger.warning("Balances were not folded.", exc_info=True)
            return False
        for account_id in folded:
            del self._tails[account_id]
        if ISSUER in folded:
            self._issuer_tail = 0
        self._long.difference_update(folded)
        return True


def _still(kept: _Kept | None, head: Head) -> Rules | None:
    """The rules that were kept, if nobody has decided anything since, whatever was posted."""
    return kept.rules if kept is not None and kept.head.terms_no == head.terms_no else None
