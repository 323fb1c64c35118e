"""One poster per ledger: callers hand over requests, one thread books them in groups.

The thread drains a bounded queue, takes the ledger's lock, decides the batch in plain Python,
writes it in bulk, commits, and only then answers. While it commits, the next batch gathers:
there is no timer, and an idle poster sleeps. Folding and the log run between batches.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from backend import db
from backend.ledger import booking, loading, log, repeats, resolve
from backend.ledger.accounts import ISSUER, SUSPENSE
from backend.ledger.booking import Books
from backend.ledger.errors import (
    BooksBusy,
    BooksClosed,
    BooksUnavailable,
    ClockLeap,
    InProgress,
    LedgerError,
    RowRefused,
)
from backend.ledger.log import SignLog
from backend.ledger.resolve import Amend, Amended, PayClaims, Resolution, Resolved, SetBudget
from backend.ledger.store import Head, store_for
from backend.ledger.transfers import Credit, Entry, Group, Outcome, Posted, Terms

logger = logging.getLogger(__name__)

Request = Entry | Group | Resolution | SetBudget | PayClaims | Amend | SignLog
# More than the microseconds that the largest batch takes of recorded time.
_EDGE_US = 200_000
_SOLO = (SetBudget, PayClaims, Amend, SignLog)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a poster: everything has one."""

    queue: int = 20_000
    batch: int = 1_024
    # The clock may have stood still while the town's machine was off, but not for ever.
    max_forward_s: int = 90 * 86_400
    max_back_s: int = 300
    # Transfers that an account's balance is summed from before they are folded.
    tail: int = 64
    # The issuer is in every deposit and has no limit to check: folded rarely.
    issuer_tail: int = 4_096
    # Accounts folded, and transfers put into the log, in one turn.
    fold: int = 256
    log: int = 4_096
    terms: int = 200_000


class _Asked(NamedTuple):
    request: Request
    future: "Future[Any]"


class Poster:
    """The one writer of a ledger. `now_us` is the wall clock, Unix time in microseconds."""

    def __init__(
        self,
        engine: Engine,
        ledger_id: int,
        now_us: Callable[[], int],
        limits: Limits | None = None,
    ) -> None:
        self._engine = engine
        self._store = store_for(engine, ledger_id)
        self._ledger_id = ledger_id
        self._now_us = now_us
        self._limits = limits or Limits()
        self._queue: deque[_Asked] = deque()
        self._ready = threading.Condition()
        self._in_progress: set[tuple[str, str]] = set()
        self._open = False
        self._thread: threading.Thread | None = None
        self._terms: dict[int, Terms] = {}
        self._terms_no = -1
        self._tails: Counter[int] = Counter()
        self._long: set[int] = set()
        self._behind = 0
        self._driver_error = engine.dialect.loaded_dbapi.Error

    def start(self) -> None:
        """Reads what waits to be folded and begins to serve. Raises LedgerError when it cannot."""
        with db.read(self._engine) as conn:
            self._tails = loading.tails(conn, self._ledger_id)
            self._behind = loading.behind(conn, self._ledger_id)
        self._long = {a for a, count in self._tails.items() if count > self._bound(a)}
        self._open = True
        self._thread = threading.Thread(
            target=self._run, name=f"poster-{self._ledger_id}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Takes no more requests, books those that wait, and ends the thread."""
        with self._ready:
            self._open = False
            self._ready.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def depth(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    @overload
    def submit(self, request: Entry) -> "Future[Outcome]": ...
    @overload
    def submit(self, request: Group) -> "Future[Posted]": ...
    @overload
    def submit(self, request: Resolution) -> "Future[Resolved]": ...
    @overload
    def submit(self, request: Amend) -> "Future[Amended]": ...
    @overload
    def submit(self, request: SignLog) -> "Future[str | None]": ...
    @overload
    def submit(self, request: SetBudget | PayClaims) -> "Future[int]": ...
    def submit(self, request: Request) -> "Future[Any]":
        """Hands over a request; the future has its answer once that is on disk.

        Raises BooksBusy, BooksClosed or InProgress at once; everything else is in the future.
        """
        return self.submit_all((request,))[0]

    def submit_entries(self, entries: Sequence[Entry]) -> "list[Future[Outcome]]":
        """Hands over many records in order: all of them, or none and BooksBusy."""
        return self.submit_all(entries)

    def submit_all(self, requests: Sequence[Request]) -> "list[Future[Any]]":
        """Hands over many requests in order: all of them, or none and the error of `submit`."""
        asked = [_Asked(request, Future()) for request in requests]
        with self._ready:
            if not self._open:
                raise BooksClosed("The books are being closed; ask again in a moment.")
            if len(self._queue) + len(asked) > self._limits.queue:
                raise BooksBusy("The books have more to do than they can hold; ask again soon.")
            for request in requests:
                if isinstance(request, Group) and request.idempotency is not None:
                    self._claim_key(request.idempotency.client, request.idempotency.key)
            self._queue.extend(asked)
            self._ready.notify()
        return [future for _, future in asked]

    def _claim_key(self, client: str, key: str) -> None:
        if (client, key) in self._in_progress:
            raise InProgress("The same request is being worked on; ask again in a moment.")
        self._in_progress.add((client, key))

    def _run(self) -> None:
        while batch := self._take():
            self._serve(batch)
            self._tidy()

    def _take(self) -> list[_Asked]:
        """The next batch in order, waiting for one; empty when the poster is closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._queue or not self._open)
            batch: list[_Asked] = []
            while self._queue and len(batch) < self._limits.batch:
                # What changes the rules of the batch is booked alone.
                alone = isinstance(self._queue[0].request, _SOLO)
                if alone and batch:
                    break
                batch.append(self._queue.popleft())
                if alone:
                    break
            return batch

    def _serve(self, batch: list[_Asked]) -> None:
        """Books a batch and answers its futures; whatever happens, all of them are answered."""
        try:
            answers = self._book([asked.request for asked in batch])
        except LedgerError as error:
            answers = [error] * len(batch)
        except Exception as error:
            if len(batch) > 1 and not self._is_outage(error):
                # One of them cannot be written: it shall fail alone.
                for asked in batch:
                    self._serve([asked])
                return
            logger.exception("A batch of %d could not be booked.", len(batch))
            answers = [self._translate(error)] * len(batch)
        with self._ready:
            for asked in batch:
                if isinstance(asked.request, Group) and asked.request.idempotency is not None:
                    key = asked.request.idempotency
                    self._in_progress.discard((key.client, key.key))
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.set_running_or_notify_cancel():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _is_outage(self, error: Exception) -> bool:
        """Whether the database itself failed, so that trying each request alone is in vain."""
        original = getattr(error, "orig", error)
        return isinstance(original, self._engine.dialect.loaded_dbapi.OperationalError)

    def _translate(self, error: Exception) -> Exception:
        original = getattr(error, "orig", error)
        driver = self._engine.dialect.loaded_dbapi
        if isinstance(original, driver.IntegrityError | driver.DataError):
            return RowRefused(f"A row of this request breaks a rule of its table: {original}")
        if isinstance(error, SQLAlchemyError | self._driver_error):
            return BooksUnavailable(
                f"The database failed ({original}). Ask again: what was booked is not booked twice."
            )
        return error

    def _book(self, requests: Sequence[Request]) -> list[Any]:
        """One transaction: lock, load, decide, write, commit."""
        # Until it has committed, the terms that were kept are in doubt.
        terms_no, self._terms_no = self._terms_no, -1
        with db.begin(self._engine) as conn:
            head = self._store.lock(conn)
            if terms_no != head.terms_no or len(self._terms) > self._limits.terms:
                self._terms = {}
            books = self._load(conn, head, requests)
            answers: list[Any] = []
            for request in requests:
                try:
                    answers.append(self._decide(conn, books, request))
                except LedgerError as error:
                    repeats.remember_refusal(books, request, error)
                    answers.append(error)
            if books.sheet:
                self._store.write(conn, books)
        self._terms_no = books.terms_no
        self._count_tails(books)
        return answers

    def _decide(self, conn: Connection, books: Books, request: Request) -> Any:
        match request:
            case Entry():
                return booking.book_entry(books, request)
            case Group():
                return booking.book_group(books, request)
            case Resolution():
                return resolve.resolve(books, request)
            case SetBudget():
                return resolve.set_budget(books, request)
            case PayClaims():
                return books.paid
            case SignLog():
                return log.sign_all(conn, self._ledger_id, request.key, books.clock_us)
            case Amend():
                number = loading.terms_count(conn, self._ledger_id, request.account_id)
                return resolve.amend(books, request, number)

    def _load(self, conn: Connection, head: Head, requests: Sequence[Request]) -> Books:
        """Everything the batch is decided by, read under the lock."""
        books = Books(self._ledger_id, head.next_id, self._clock_us(head.clock_us), head.terms_no)
        entries = [request for request in requests if isinstance(request, Entry)]
        groups = [request for request in requests if isinstance(request, Group)]
        resolutions = [request for request in requests if isinstance(request, Resolution)]
        if entries:
            books.known = self._store.known(conn, {entry.key.name for entry in entries})
            other = {
                e.key.name
                for e in entries
                if (known := books.known.get(e.key.name)) and known.hash != e.key.hash
            }
            books.quarantined = self._store.quarantined(conn, other) if other else set()
        if groups:
            books.replays = loading.replays(conn, self._ledger_id, groups)
        if resolutions:
            books.waiting = loading.waiting(conn, self._ledger_id, {r.name for r in resolutions})
        self._load_budget(conn, books, requests)
        self._load_money(conn, books, requests)
        books.paid = resolve.pay_claims(books) if books.due else 0
        return books

    def _load_budget(self, conn: Connection, books: Books, requests: Sequence[Request]) -> None:
        books.budgets = loading.budgets(conn, self._ledger_id)
        books.budgeted = bool(books.budgets)
        for edge_s in {edge for b in books.budgets for edge in (b.from_s, b.until_s)}:
            # No batch lies across the edge of a period: it is recorded after it.
            if 0 < edge_s * 1_000_000 - books.clock_us < _EDGE_US:
                books.clock_us = edge_s * 1_000_000
        now_s = books.clock_us // 1_000_000
        for budget in books.budgets:
            if budget.from_s <= now_s < budget.until_s:
                books.budget = budget
        if books.budgeted:
            due = loading.due(conn, self._ledger_id)
            books.due, books.due_more = due[: loading.CLAIMS], len(due) > loading.CLAIMS
            books.claims_wait = bool(due)
        for request in requests:
            if isinstance(request, SetBudget):
                books.minted = loading.minted_since(conn, self._ledger_id, request.from_s)

    def _load_money(self, conn: Connection, books: Books, requests: Sequence[Request]) -> None:
        debits, credits = _sides(books, requests)
        missing = (debits | credits | {ISSUER, SUSPENSE}) - self._terms.keys()
        if missing:
            self._terms.update(loading.terms(conn, self._ledger_id, missing))
        books.purses.terms = self._terms
        limited = booking.limited(books, debits, credits)
        if limited:
            books.purses.money = loading.money(conn, self._ledger_id, limited)

    def _clock_us(self, last_us: int) -> int:
        """The batch's time. Raises ClockLeap rather than record a wrong one for ever."""
        now_us = self._now_us()
        ahead_s = (now_us - last_us) // 1_000_000
        if -self._limits.max_back_s <= ahead_s <= self._limits.max_forward_s:
            return max(now_us - 1, last_us)
        raise ClockLeap(
            f"This machine's clock is {abs(ahead_s)} s {'ahead of' if ahead_s > 0 else 'behind'} "
            "the last entry in the books. Set its date right; if it is right, allow the leap."
        )

    def _count_tails(self, books: Books) -> None:
        tails = self._tails
        self._behind += len(books.sheet.transfers)
        for row in books.sheet.transfers:
            tails[row.debit] += 1
            tails[row.credit] += 1
            if tails[row.credit] == self._limits.tail:
                self._long.add(row.credit)
            if tails[row.debit] == self._bound(row.debit):
                self._long.add(row.debit)

    def _bound(self, account_id: int) -> int:
        return self._limits.issuer_tail if account_id == ISSUER else self._limits.tail

    def _tidy(self) -> None:
        """Folds tails and lets the log catch up, in short turns while nobody waits.

        Under a load that never pauses it takes a turn when enough has gathered.
        """
        while True:
            pressed = bool(self._queue)
            behind = self._behind >= self._limits.log
            long = len(self._long) >= (self._limits.fold if pressed else 1)
            if not behind and not long:
                return
            try:
                with db.begin(self._engine) as conn:
                    head = self._store.lock(conn)
                    folded = list(self._long)[: self._limits.fold]
                    self._store.fold(conn, folded, head.next_id - 1)
                    added = log.integrate(conn, self._ledger_id, self._limits.log)
            except (SQLAlchemyError, self._driver_error):
                # Both only save time later; the books are as true without them.
                logger.warning("Balances were not folded, nor the log extended.", exc_info=True)
                return
            for account_id in folded:
                del self._tails[account_id]
            self._long.difference_update(folded)
            self._behind = self._behind - added if added == self._limits.log else 0
            if pressed:
                return


def _sides(books: Books, requests: Iterable[Request]) -> tuple[set[int], set[int]]:
    """The accounts that a batch may debit and credit."""
    debits: set[int] = set()
    credits = {claim.account_id for claim in books.due}
    for request in requests:
        match request:
            case Entry(wanted=Credit(account_id=account_id)):
                credits.add(account_id)
            case Group():
                debits.update(leg.debit for leg in request.legs)
                credits.update(leg.credit for leg in request.legs)
            case Resolution():
                debits.add(SUSPENSE)
                if request.account_id is not None:
                    credits.add(request.account_id)
            case Amend():
                credits.add(request.account_id)
    return debits, credits
