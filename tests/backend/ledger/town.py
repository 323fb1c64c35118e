"""A small synthetic town for the ledger's tests: a clock that obeys, records, a poster."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count
from typing import TypeVar

from sqlalchemy import Engine

from backend import db
from backend.ledger import accounts, balances
from backend.ledger.poster import Limits, Poster
from backend.ledger.transfers import Code, Credit, Entry, Group, Idempotency, Leg, RecordKey, Wanted

TOWN = 7
EPOCH = 0xF00D_0000_0000_0001
NOW_S = 1_790_000_000
WAIT_S = 30

T = TypeVar("T")


class Clock:
    """Unix time in microseconds that moves a millisecond a look, or as told."""

    def __init__(self, now_s: int = NOW_S) -> None:
        self.now_us = now_s * 1_000_000

    def __call__(self) -> int:
        self.now_us += 1_000
        return self.now_us


def entry(
    seq: int,
    wanted: Wanted,
    *,
    source_id: int = 1,
    epoch: int = EPOCH,
    words: str = "",
    effective_s: int = NOW_S,
    **rest: int | str,
) -> Entry:
    """A synthetic record; other `words` are other signed bytes under the same name."""
    signed = f"{source_id}-{epoch}.{seq}-{words}".encode()
    return Entry(
        key=RecordKey(source_id, epoch, seq, hashlib.sha256(signed).digest()),
        kind="deposit",
        jws=signed + b".synthetic",
        received_s=NOW_S,
        effective_s=effective_s,
        wanted=wanted,
        **rest,  # type: ignore[arg-type]  # the optional fields of an entry
    )


def pay(debit: int, credit: int, amount: int, key: str | None = None) -> Group:
    """One leg between two accounts."""
    named = (
        Idempotency("client", key, hashlib.sha256(f"{debit}.{credit}.{amount}".encode()).digest())
        if key
        else None
    )
    return Group((Leg(debit, credit, amount, Code.PAY),), NOW_S, named)


class Town:
    """An opened ledger with a poster that runs."""

    def __init__(self, engine: Engine, limits: Limits | None = None, ledger_id: int = TOWN) -> None:
        self.engine = engine
        self.id = ledger_id
        self.clock = Clock()
        self._limits = limits
        with db.begin(engine) as conn:
            accounts.open_ledger(conn, self.id, self.clock())
        self.poster = Poster(engine, self.id, self.clock, limits)
        self.poster.start()
        self._seqs = count(1_000_000)
        self.spoiled = False

    def close(self) -> None:
        self.poster.close()

    def restart(self) -> None:
        """The poster ends, and another goes on with the same books."""
        self.poster.close()
        self.poster = Poster(self.engine, self.id, self.clock, self._limits)
        self.poster.start()

    def account(
        self,
        funds: int = 0,
        *,
        low: int | None = 0,
        high: int | None = None,
        currency: int = accounts.CREDIT,
        owner: str | None = None,
    ) -> int:
        """Opens an account, with funds minted to it if asked."""
        with db.begin(self.engine) as conn:
            account_id = accounts.open_account(conn, self.id, currency, owner, low, high)
        if funds:
            self.book(entry(next(self._seqs), Credit(account_id, funds)))
        return account_id

    def book(self, request: Entry) -> "object":
        return done(self.poster.submit(request))

    def balance(self, account_id: int) -> int:
        with db.read(self.engine) as conn:
            return balances.balance(conn, self.id, account_id).posted


def done(future: "Future[T]") -> T:
    """The answer, or its error."""
    return future.result(WAIT_S)


def settled(futures: Sequence["Future[T]"]) -> list[T | Exception]:
    """Every answer or error, in order."""
    answers: list[T | Exception] = []
    for future in futures:
        error = future.exception(WAIT_S)
        answers.append(error if isinstance(error, Exception) else future.result())
    return answers
