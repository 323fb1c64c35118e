"""What exactness costs: booking over a raw insert of the rows that were accepted (bench/raw.py).

A round books some batches with the real poster, until the last is on disk and every touched
account is folded, then inserts the same rows raw; databases grow alike. Ratios are taken within a
round. Signatures are checked before the poster and measured apart.
"""

import gc
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, select, text

from backend import db
from backend.ledger import accounts
from backend.ledger import tables as t
from backend.ledger.poster import Limits, Poster, Request
from backend.ledger.resolve import SetBudget
from backend.ledger.transfers import Code, Group, Leg, signed64
from backend.ledger.verify import verify
from bench.figures import Figures, of_rounds, report
from bench.raw import Batch, raws
from bench.signatures import seconds_per_record
from bench.town import LEDGER, deposits, found, now_us
from farz import guard, postgres
from farz.demo import say
from farz.errors import FarzError

ROUNDS = 15  # a round is half a second: five of them spread too far
MEMBERS = 1_000
REQUESTS = 16_384  # a round
ENGINES = ("sqlite", "postgresql")
FUNDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """A shape of traffic. `make` gives the requests of a round from (members, first, count)."""

    name: str
    make: "Callable[[Sequence[int], int, int], list[Request]]"
    batch: int = 1_024
    log: bool = True


def minting(members: Sequence[int], first: int, count: int) -> list[Request]:
    """Deposits alone."""
    return list(deposits(members, first, count))


def mixed(members: Sequence[int], first: int, count: int) -> list[Request]:
    """Four deposits in five; the fifth is a payment whose payer's minimum is checked."""
    dice = random.Random(first)
    asked: list[Request] = list(deposits(members, first, count))
    for place in range(0, count, 5):
        payer, payee = dice.sample(members, 2)
        asked[place] = pay(payer, payee, 1_790_000_000)
    return asked


def replayed(members: Sequence[int], first: int, count: int) -> list[Request]:
    """Deposits, each batch of which comes again with the next one."""
    half = deposits(members, first // 2, count // 2)
    asked: list[Request] = []
    for at in range(0, len(half), 512):
        asked += half[at : at + 512] + half[max(0, at - 512) : max(512, at)]
    return asked


def issuing(issuers: int) -> "Callable[[Sequence[int], int, int], list[Request]]":
    """Payments out of so many accounts without a limit, to members."""

    def make(members: Sequence[int], first: int, count: int) -> list[Request]:
        payers, payees = members[:issuers], members[1_000:]
        return [
            pay(payers[n % issuers], payees[n * 7919 % len(payees)], 1_790_000_000)
            for n in range(first, first + count)
        ]

    return make


def pay(payer: int, payee: int, effective_s: int) -> Group:
    return Group((Leg(payer, payee, 1, Code.PAY),), effective_s)


CASES = (
    Case("1024", minting),
    Case("128", minting, batch=128),
    Case("mixed", mixed),
    Case("no_log", minting, log=False),
    Case("replayed", replayed),
    Case("one_issuer", issuing(1)),
    Case("many_issuers", issuing(1_000)),
)
# (figure, case, at least, aim) for each engine: booking over the raw insert
OVER_RAW = {
    "sqlite": (("1024", 0.75, 0.95), ("128", 0.70, 0.90), ("mixed", 0.60, 0.85)),
    "postgresql": (("1024", 0.65, 0.90), ("128", 0.40, 0.70), ("mixed", 0.55, 0.80)),
}
# (figure, case, over case, at least, aim): useful rows a second of one over the other
OVER_EACH_OTHER = (
    ("one_issuer_over_1000", "one_issuer", "many_issuers", 0.90, 0.98),
    ("log_on_over_off", "1024", "no_log", 0.85, 0.95),
    ("half_replayed_over_none", "replayed", "1024", 0.5, 0.7),
)


@dataclass(slots=True)
class Measured:
    """Of each round: seconds of our booking and of the raw insert, and rows that were accepted."""

    ours_s: list[float] = field(default_factory=list)
    raw_s: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    bytes_per_transfer: float = 0.0

    def over_raw(self, more_s: float = 0.0) -> list[float]:
        return [
            raw / (ours + more_s * rows)
            for ours, raw, rows in zip(self.ours_s, self.raw_s, self.rows, strict=True)
        ]

    def rates(self) -> list[float]:
        return [rows / ours for rows, ours in zip(self.rows, self.ours_s, strict=True)]


def run(rounds: int = ROUNDS, requests: int = REQUESTS) -> dict[str, Any]:
    """Return the bench's report."""
    figures: Figures = {}
    signature_s = seconds_per_record()
    for engine in ENGINES:
        with _databases(engine) as fresh:
            found_ = _measure(engine, fresh, rounds, requests)
        figures |= _figures(engine, found_, signature_s)
    figures["signature_check_us"] = of_rounds(
        [signature_s * 1e6], "microseconds a record", digits=1
    )
    return report("ledger", figures)


def _figures(engine: str, found_: dict[str, Measured], signature_s: float) -> Figures:
    figures: Figures = {}
    for case, at_least, aim in OVER_RAW[engine]:
        measured = found_[case]
        name = f"{engine}_{case}_over_raw"
        figures[name] = of_rounds(measured.over_raw(), "of a raw insert", at_least, aim)
        figures[f"{engine}_{case}_per_s"] = of_rounds(measured.rates(), "1/s", digits=0)
    signed = found_["1024"].over_raw(signature_s)
    figures[f"{engine}_1024_with_signatures_over_raw"] = of_rounds(signed, "of a raw insert")
    for name, one, other, at_least, aim in OVER_EACH_OTHER:
        pairs = zip(found_[one].rates(), found_[other].rates(), strict=True)
        figures[f"{engine}_{name}"] = of_rounds([a / b for a, b in pairs], "ratio", at_least, aim)
    size = found_["1024"].bytes_per_transfer
    figures[f"{engine}_bytes_per_deposit"] = of_rounds([size], "bytes on disk", digits=0)
    return figures


def _measure(
    engine: str, fresh: Callable[[], str], rounds: int, requests: int
) -> dict[str, Measured]:
    found_ = {case.name: Measured() for case in CASES}
    with ExitStack() as stack:
        lanes = {c.name: stack.enter_context(_lane(c, fresh)) for c in CASES}
        for number in range(rounds):
            for case in CASES:
                lane, measured = lanes[case.name], found_[case.name]
                lane.round(number * requests, requests, measured)
                say(
                    f"{engine}, round {number + 1} of {rounds}, {case.name}: "
                    f"{measured.rates()[-1]:,.0f}/s, {measured.over_raw()[-1]:.2f} of raw"
                )
        for case in CASES:
            found_[case.name].bytes_per_transfer = lanes[case.name].check()
    return found_


class Lane:
    """A case with its databases: ours, and one for each raw route."""

    def __init__(self, case: Case, url: str, raw_urls: list[str]) -> None:
        self._case = case
        self.engine = db.create_engine(url)
        many = case.name.endswith("issuers") or case.name == "one_issuer"
        self._members = found(self.engine, 2 * MEMBERS if many else MEMBERS)
        self._last_id = self._last_us = 0
        limits = Limits(queue=10**6, batch=case.batch, log=case.log)
        self._poster = Poster(self.engine, LEDGER, now_us, limits)
        self._prepare(unlimited=many)
        self._before = size_of(self.engine)
        for raw_url in raw_urls:
            engine = db.create_engine(raw_url)
            found(engine, 1)
            engine.dispose()
        self._raws = raws(raw_urls)

    def _prepare(self, *, unlimited: bool) -> None:
        """A budget that never ends; funds for payers, or no minimum for issuers."""
        now_s = now_us() // 1_000_000
        self._poster.start()
        self._poster.submit(SetBudget(now_s - 10, now_s + 10**6, 10**15, "bench")).result()
        if self._case.make is mixed:
            source = self._open_source()
            for at in range(0, MEMBERS, 50):
                legs = [Leg(source, m, FUNDS, Code.PAY) for m in self._members[at : at + 50]]
                self._poster.submit(Group(tuple(legs), now_s)).result()
        if unlimited:
            with db.begin(self.engine) as conn:
                self._members[:MEMBERS] = [_unlimited(conn) for _ in range(MEMBERS)]
        self._accepted()

    def _open_source(self) -> int:
        with db.begin(self.engine) as conn:
            return _unlimited(conn)

    def round(self, first: int, count: int, measured: Measured) -> None:
        asked = self._case.make(self._members, first, count)
        size = self._case.batch
        gc.collect()
        gc.freeze()  # what the bench itself holds is no work of the poster's
        start_s = time.perf_counter()
        futures = [self._poster.submit_all(asked[at : at + size]) for at in range(0, count, size)]
        answers = [answer for future in futures for answer in future.result()]
        self._poster.rest()  # until what waits to be folded is folded
        measured.ours_s.append(time.perf_counter() - start_s)
        refused = [answer for answer in answers if isinstance(answer, Exception)]
        if refused:
            raise FarzError(f"The books refused {len(refused)} requests: {refused[0]}")
        transfers, records = self._accepted()
        batches = _batches(transfers, records, -(-count // size))
        gc.collect()
        gc.freeze()
        measured.raw_s.append(min(raw.seconds(batches) for raw in self._raws))
        measured.rows.append(len(transfers))

    def _accepted(self) -> Batch:
        """The rows that were booked since the last look, as the tables hold them."""
        with db.read(self.engine) as conn:
            transfers = conn.execute(
                select(t.transfer).where(t.transfer.c.id > self._last_id).order_by(t.transfer.c.id)
            ).all()
            records = conn.execute(
                select(t.record)
                .where(t.record.c.recorded_us > self._last_us)
                .order_by(t.record.c.recorded_us)
            ).all()
        if transfers:
            self._last_id, self._last_us = transfers[-1].id, transfers[-1].recorded_us
        self._last_us = max([self._last_us, *(row.recorded_us for row in records[-1:])])
        return plain(transfers, 11), plain(records, 2)

    def booked(self, count: int) -> Batch:
        """The last `count` transfers and records as one batch."""
        self._last_id, self._last_us = self._last_id - count, 0
        return self._accepted()

    def check(self) -> float:
        """Bytes that a transfer takes on disk. FarzError if the books do not fit."""
        for raw in self._raws:
            raw.close()
        self._poster.close()
        poster = Poster(self.engine, LEDGER, now_us)
        poster.start()  # a log that was off catches up
        poster.close()
        with db.read(self.engine) as conn:
            books = verify(conn, LEDGER)
        if not books.ok:
            raise FarzError(f"The books of {self._case.name} do not fit: {books.problems[:3]}")
        grown = size_of(self.engine) - self._before
        self.engine.dispose()
        return grown / max(1, books.transfers)


@contextmanager
def _lane(case: Case, fresh: Callable[[], str]) -> Iterator[Lane]:
    yield Lane(case, fresh(), [fresh(), fresh()])


def _unlimited(conn: Any) -> int:
    return accounts.open_account(conn, LEDGER, accounts.CREDIT, None, None, None)


def plain(rows: Iterable[Any], epoch: int) -> list[tuple[Any, ...]]:
    """Rows as tuples, their epoch as the database keeps it."""
    return [
        (*row[:epoch], None if row[epoch] is None else signed64(row[epoch]), *row[epoch + 1 :])
        for row in rows
    ]


def _batches(transfers: Any, records: Any, count: int) -> list[Batch]:
    """Cuts the rows into the batches in which they were booked: all are alike."""
    a, b = -(-len(transfers) // count), -(-len(records) // count)
    return [
        (transfers[n * a : (n + 1) * a], records[n * b : (n + 1) * b] if b else [])
        for n in range(count)
    ]


def size_of(engine: Engine) -> int:
    """Bytes that the database takes on disk, without the write-ahead log."""
    if engine.dialect.name == "postgresql":
        with db.read(engine) as conn:
            return int(conn.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    with db.read(engine) as conn:
        pages = conn.scalar(text("PRAGMA page_count")) or 0
        return int(pages) * int(conn.scalar(text("PRAGMA page_size")) or 0)


@contextmanager
def _databases(engine: str) -> Iterator[Callable[[], str]]:
    """Gives URLs of empty databases that go when the context ends."""
    with ExitStack() as stack:
        if engine == "postgresql":
            server = stack.enter_context(postgres.server())
            yield lambda: stack.enter_context(postgres.database(server))
            return
        folder = stack.enter_context(guard.folder("farz-bench-"))
        numbers = iter(range(1_000))
        yield lambda: f"sqlite:///{folder}/{next(numbers)}.db"
