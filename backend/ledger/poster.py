"""One poster per ledger: callers hand over requests, one thread books them in groups.

The thread drains a bounded queue and lets its clerk book what it took in one transaction; only
then it answers. While it commits, the next batch gathers: there is no timer, and an idle poster
sleeps. Folding runs between batches.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, NamedTuple, overload

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from backend.ledger.clerk import Clerk, Limits, Request
from backend.ledger.errors import (
    BooksBusy,
    BooksClosed,
    BooksUnavailable,
    InProgress,
    LedgerError,
    RowRefused,
)
from backend.ledger.holds import ExpireHolds, Settling
from backend.ledger.log import SignLog
from backend.ledger.melting import Melt, Melted
from backend.ledger.resolve import Amend, Amended, PayClaims, Resolution, Resolved, SetBudget
from backend.ledger.rules import CHANGES, RuleChange
from backend.ledger.transfers import Entry, Group, Outcome, Posted

__all__ = ["Limits", "Poster", "Request"]

logger = logging.getLogger(__name__)

# What changes the rules of a batch is booked alone.
_SOLO = (SetBudget, PayClaims, ExpireHolds, Melt, Amend, SignLog, *CHANGES)


class _Asked(NamedTuple):
    """Requests of one caller, answered together: by a list if they were `many`."""

    requests: Sequence[Request]
    future: "Future[Any]"
    many: bool


class Poster:
    """The one writer of a ledger. `now_us` is the wall clock, Unix time in microseconds.

    With `steady_us`, which is never stepped, a wall clock that leaps is not believed.
    """

    def __init__(
        self,
        engine: Engine,
        ledger_id: int,
        now_us: Callable[[], int],
        limits: Limits | None = None,
        steady_us: Callable[[], int] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._clerk = Clerk(engine, ledger_id, now_us, self._limits, steady_us)
        self._ledger_id = ledger_id
        self._driver = engine.dialect.loaded_dbapi
        self._queue: deque[_Asked] = deque()
        self._depth = 0
        self._ready = threading.Condition()
        self._in_progress: set[tuple[str, str]] = set()
        self._open = False
        self._resting = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Reads what the clerk needs and begins to serve. Raises LedgerError when it cannot."""
        self._clerk.open()
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

    def rest(self) -> None:
        """Waits until nothing is asked and no long tail waits to be folded."""
        with self._ready:
            self._ready.wait_for(lambda: self._resting or not self._open)

    @property
    def alive(self) -> bool:
        """Whether what is submitted will be booked."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def depth(self) -> int:
        """Requests that wait."""
        return self._depth

    @overload
    def submit(self, request: Entry) -> "Future[Outcome]": ...
    @overload
    def submit(self, request: Group | Settling) -> "Future[Posted]": ...
    @overload
    def submit(self, request: Resolution) -> "Future[Resolved]": ...
    @overload
    def submit(self, request: Amend) -> "Future[Amended]": ...
    @overload
    def submit(self, request: Melt) -> "Future[Melted | None]": ...
    @overload
    def submit(self, request: SignLog) -> "Future[str | None]": ...
    @overload
    def submit(
        self, request: SetBudget | PayClaims | ExpireHolds | RuleChange
    ) -> "Future[int]": ...
    def submit(self, request: Request) -> "Future[Any]":
        """Hands over a request; the future has its answer once that is on disk.

        Raises BooksBusy, BooksClosed or InProgress at once; everything else is in the future.
        """
        return self._submit((request,), many=False)

    def submit_all(self, requests: Sequence[Request]) -> "Future[list[Any]]":
        """Hands over requests that are booked in order, in one transaction if that is possible.

        All of them are taken, or none and BooksBusy. The future has an answer or an error for
        each; one that is refused spoils none of the others.
        """
        return self._submit(requests, many=True)

    def _submit(self, requests: Sequence[Request], many: bool) -> "Future[Any]":
        asked = _Asked(requests, Future(), many)
        with self._ready:
            if not self._open:
                raise BooksClosed("The books are being closed; ask again in a moment.")
            if self._depth + len(requests) > self._limits.queue:
                raise BooksBusy("The books have more to do than they can hold; ask again soon.")
            self._claim_keys(requests)
            self._queue.append(asked)
            self._depth += len(requests)
            self._resting = False
            self._ready.notify_all()
        return asked.future

    def _claim_keys(self, requests: Sequence[Request]) -> None:
        keys = [key for request in requests if (key := _key(request))]
        if self._in_progress.intersection(keys) or len(set(keys)) < len(keys):
            raise InProgress("The same request is being worked on; ask again in a moment.")
        self._in_progress.update(keys)

    def _run(self) -> None:
        while batch := self._take():
            self._serve(batch)
            while self._clerk.tidy(pressed := bool(self._queue)) and not pressed:
                pass

    def _take(self) -> list[_Asked]:
        """The next batch in order, waiting for one; empty when the poster is closed."""
        with self._ready:
            if not self._queue:
                self._resting = True
                self._ready.notify_all()
            self._ready.wait_for(lambda: self._queue or not self._open)
            batch: list[_Asked] = []
            count = 0
            while self._queue:
                more = len(self._queue[0].requests)
                if batch and count + more > self._limits.batch:
                    break
                batch.append(self._queue.popleft())
                count += more
            self._depth -= count
            return batch

    def _serve(self, batch: list[_Asked]) -> None:
        """Books a batch and answers its futures; whatever happens, all of them are answered."""
        requests = [request for asked in batch for request in asked.requests]
        answers = iter([answer for part in _parts(requests) for answer in self._answers(part)])
        with self._ready:
            self._in_progress.difference_update([key for r in requests if (key := _key(r))])
        for asked in batch:
            own = list(islice(answers, len(asked.requests)))
            if not asked.future.set_running_or_notify_cancel():
                continue
            if asked.many:
                asked.future.set_result(own)
            elif isinstance(own[0], BaseException):
                asked.future.set_exception(own[0])
            else:
                asked.future.set_result(own[0])

    def _answers(self, requests: Sequence[Request]) -> list[Any]:
        """An answer or an error for each request. One that cannot be written fails alone."""
        if not requests:
            return []
        try:
            return self._clerk.book(requests)
        except LedgerError as error:
            return [error] * len(requests)
        except Exception as error:
            if len(requests) > 1 and not self._is_outage(error):
                return [answer for request in requests for answer in self._answers([request])]
            logger.exception("A batch of %d could not be booked.", len(requests))
            return [self._translate(error)] * len(requests)

    def _is_outage(self, error: Exception) -> bool:
        """Whether the database itself failed, so that trying each request alone is in vain."""
        return isinstance(getattr(error, "orig", error), self._driver.OperationalError)

    def _translate(self, error: Exception) -> Exception:
        original = getattr(error, "orig", error)
        if isinstance(original, self._driver.IntegrityError | self._driver.DataError):
            return RowRefused(f"A row of this request breaks a rule of its table: {original}")
        if isinstance(error, SQLAlchemyError | self._driver.Error):
            return BooksUnavailable(
                f"The database failed ({original}). Ask again: what was booked is not booked twice."
            )
        return error


def _parts(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """The requests in order, those alone that change the rules of a batch."""
    first = 0
    for place, request in enumerate(requests):
        if isinstance(request, _SOLO):
            yield requests[first:place]
            yield requests[place : place + 1]
            first = place + 1
    yield requests[first:]


def _key(request: Request) -> tuple[str, str] | None:
    """The idempotency key that a request claims while it is worked on."""
    if type(request) is Entry:
        return None  # most requests are records, which have a name of their own
    if isinstance(request, Group | Settling) and request.idempotency is not None:
        return request.idempotency.client, request.idempotency.key
    return None
