"""Whether the ledger slows down as history grows: up to 10⁷ deposits, measured on the way.

`farz bench ledger-long` goes to 10⁷ on SQLite in over an hour; a shorter run, or PostgreSQL:
`python -m bench.ledger_long --upto 300000 --engine postgresql`. Ours grows by the real poster, the
raw rows (bench/raw.py) are copied beside it, the same. At each size, in interleaved
rounds: booking until every touched account is folded over the raw insert; a balance beside a read
by primary key; the process's memory.
"""

import argparse
import gc
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from backend import db
from backend.ledger import balances
from backend.ledger import tables as t
from backend.ledger.poster import Limits, Poster
from backend.ledger.resolve import SetBudget
from backend.ledger.transfers import Entry, signed64
from backend.ledger.verify import verify
from bench.figures import Figures, of_rounds, report
from bench.raw import Batch, Raw, Rows, raws
from bench.town import LEDGER, deposits, found, now_us
from farz import postgres
from farz.demo import say
from farz.errors import FarzError
from farz.processes import ROOT

SIZES = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
ROUNDS = 5
BATCH = 1_024
WINDOW = 16 * BATCH  # booked in one go on the way to the next size
MEASURED = 8 * BATCH  # booked in a measured round
MEMBERS = 10_000
READS = 1_000  # of each kind in a round
VERIFIED = 400_000  # larger books are compared with the raw rows alone
DISK_MOST = 25 * 10**9
OVER_RAW, OVER_RAW_AIM = 0.6, 0.85
READ, READ_AIM = 1 / 5, 1 / 3  # a balance takes at most five times a read by primary key
FLAT = 0.8  # memory grows by at most a quarter from the first size to the last


@dataclass(slots=True)
class At:
    """What was measured at one size, by round; memory and disk once."""

    over_raw: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    pk_over_balance: list[float] = field(default_factory=list)
    balance_p99_us: list[float] = field(default_factory=list)
    rss_mib: float = 0.0
    bytes_per_deposit: float = 0.0


def run(
    upto: int = SIZES[-1], engine: str = "sqlite", rounds: int = ROUNDS, scale: float = 1.0
) -> dict[str, Any]:
    """Return the bench's report; `scale` below 1 shrinks the sizes."""
    sizes = [int(size * scale) for size in SIZES if size <= upto]
    with _urls(engine) as urls:
        long = Long(urls)
        try:
            measured = {size: at for size in sizes if (at := long.measure(size, rounds))}
            long.check()
        finally:
            long.close()
    return report("ledger-long", _figures(engine, measured))


def _figures(engine: str, measured: dict[int, At]) -> Figures:
    figures: Figures = {}
    first = next(iter(measured.values()))
    for size, at in measured.items():
        name = f"{engine}_{size}"
        figures[f"{name}_over_raw"] = of_rounds(
            at.over_raw, "of a raw insert", OVER_RAW, OVER_RAW_AIM
        )
        figures[f"{name}_pk_p99_over_balance_p99"] = of_rounds(
            at.pk_over_balance, "ratio", round(READ, 3), round(READ_AIM, 3)
        )
        figures[f"{name}_memory_of_first_over_now"] = of_rounds(
            [first.rss_mib / at.rss_mib], "ratio", FLAT, 1.0
        )
        figures[f"{name}_per_s"] = of_rounds(at.per_s, "1/s", digits=0)
        figures[f"{name}_balance_p99_us"] = of_rounds(at.balance_p99_us, "µs", digits=0)
        figures[f"{name}_rss"] = of_rounds([at.rss_mib], "MiB", digits=0)
        figures[f"{name}_bytes_per_deposit"] = of_rounds(
            [at.bytes_per_deposit], "bytes on disk", digits=0
        )
    return figures


class Long:
    """Our books and the raw rows, which grow together."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.engine = db.create_engine(urls[0])
        self._members = found(self.engine, MEMBERS)
        for url in urls[1:]:
            engine = db.create_engine(url)
            found(engine, 1)
            engine.dispose()
        self._raws: list[Raw] = raws(urls[1:])
        self._url, self._raw_urls = urls[0], list(urls[1:])
        self._empty = _size_of(self.engine)
        self.booked = 0
        now_s = now_us() // 1_000_000
        with self._poster() as poster:
            poster.submit(SetBudget(now_s - 10, now_s + 10**6, 10**15, "bench")).result()

    def close(self) -> None:
        for raw in self._raws:
            raw.close()
        self.engine.dispose()

    def measure(self, size: int, rounds: int) -> At | None:
        """Grow to a size and measure there; None if the disk would not do."""
        needed = 0.0
        if self.booked:
            needed = size * (1 + len(self._raws)) * self._bytes_per_deposit()
        if needed > min(DISK_MOST, shutil.disk_usage(ROOT).free):
            say(f"{size:,} deposits would take {needed / 1e9:.0f} GB: not measured")
            return None
        self._grow(size)
        at = At()
        for _ in range(rounds):
            self._round(at)
        self._fastest(at)
        gc.collect()
        at.rss_mib = _rss_mib()
        at.bytes_per_deposit = self._bytes_per_deposit()
        say(
            f"at {self.booked:,}: {statistics.median(at.over_raw):.2f} of raw, "
            f"{statistics.median(at.per_s):,.0f}/s, primary key over balance "
            f"{statistics.median(at.pk_over_balance):.2f}, {at.rss_mib:.0f} MiB"
        )
        return at

    def _grow(self, size: int) -> None:
        start_s, started = time.monotonic(), self.booked
        with self._poster(WINDOW) as poster, ThreadPoolExecutor(1) as beside:
            copying: list[Future[None]] = []
            while self.booked < size:
                first = self.booked
                entries = self._next(min(WINDOW, size - self.booked))
                self._book(poster, entries)
                # The raw rows of a window are copied while the next one is booked.
                for each in copying:
                    each.result()
                copying = [beside.submit(r.copy, self._url, first, self.booked) for r in self._raws]
                if self.booked // 100_000 != first // 100_000:
                    rate = (self.booked - started) / (time.monotonic() - start_s)
                    say(f"grown to {self.booked:,}, {rate:,.0f}/s with the raw rows")
            for each in copying:
                each.result()

    def _round(self, at: At) -> None:
        entries = self._next(MEASURED)
        with self._poster() as poster:
            start_s = time.perf_counter()
            self._book(poster, entries)
            poster.close()  # what waits to be folded is folded first
            ours_s = time.perf_counter() - start_s
        pairs = zip(self._raws, self._copies(entries), strict=True)
        self._raw_s = [raw.seconds(batches) for raw, batches in pairs]
        at.over_raw.append(min(self._raw_s) / ours_s)
        at.per_s.append(len(entries) / ours_s)
        self._reads(at)

    def _fastest(self, at: At) -> None:
        """After the first size only the faster raw route goes on."""
        while len(self._raws) > 1:
            slower = self._raw_s.index(max(self._raw_s))
            self._raws.pop(slower).close()
            self._raw_urls.pop(slower)
            self._raw_s.pop(slower)

    def _next(self, count: int) -> list[Entry]:
        entries = deposits(self._members, self.booked, count)
        self.booked += count
        return entries

    def _book(self, poster: Poster, entries: list[Entry]) -> None:
        futures = [
            poster.submit_all(entries[at : at + BATCH]) for at in range(0, len(entries), BATCH)
        ]
        for future in futures:
            for answer in future.result():
                if isinstance(answer, Exception) or answer.outcome != "credited":
                    raise FarzError(f"A deposit was not credited: {answer}")

    def _copies(self, entries: Sequence[Entry]) -> Iterator[list[Batch]]:
        """The accepted rows of these entries, in the batches they were booked in, for each raw."""
        last = self.booked
        with db.read(self.engine) as conn:
            transfers = _transfers(conn, last - len(entries), last)
            records = _records(conn, entries)
        if not len(transfers) == len(records) == len(entries):
            raise FarzError(f"{len(entries)} were booked, {len(transfers)} are in the books.")
        batches: list[Batch] = [
            (transfers[at : at + BATCH], records[at : at + BATCH])
            for at in range(0, len(entries), BATCH)
        ]
        for _ in self._raws:
            yield batches

    def _reads(self, at: At) -> None:
        """Balances and single transfers by primary key in turn, each in a snapshot of its own."""
        dice = random.Random(self.booked)
        waits_us: dict[str, list[float]] = {"balance": [], "pk": []}
        one = t.transfer.c
        for _ in range(READS):
            member = dice.choice(self._members)
            with db.read(self.engine) as conn:
                start_s = time.perf_counter()
                balances.balance(conn, LEDGER, member)
                waits_us["balance"].append(1e6 * (time.perf_counter() - start_s))
            transfer_id = 1 + dice.randrange(self.booked)
            with db.read(self.engine) as conn:
                start_s = time.perf_counter()
                conn.execute(
                    select(t.transfer).where(one.ledger_id == LEDGER, one.id == transfer_id)
                ).one()
                waits_us["pk"].append(1e6 * (time.perf_counter() - start_s))
        p99 = {name: statistics.quantiles(each, n=100)[98] for name, each in waits_us.items()}
        at.pk_over_balance.append(p99["pk"] / p99["balance"])
        at.balance_p99_us.append(p99["balance"])

    def check(self) -> None:
        """FarzError unless the raw rows are ours, and (in smaller books) all invariants hold."""
        ours = _sums(self.engine)
        for url in self._raw_urls:
            engine = db.create_engine(url)
            raw = _sums(engine)
            engine.dispose()
            if raw != ours or ours[0] != self.booked:
                raise FarzError(f"{self.booked} were booked; ours {ours}, raw {raw}")
        if self.booked <= VERIFIED:
            with db.read(self.engine) as conn:
                books = verify(conn, LEDGER)
            if not books.ok:
                raise FarzError(f"The books do not fit: {books.problems[:3]}")

    def _bytes_per_deposit(self) -> float:
        return (_size_of(self.engine) - self._empty) / self.booked

    @contextmanager
    def _poster(self, batch: int = BATCH) -> Iterator[Poster]:
        poster = Poster(self.engine, LEDGER, now_us, Limits(batch=batch))
        poster.start()
        try:
            yield poster
        finally:
            poster.close()


def _transfers(conn: Connection, after: int, upto: int) -> Rows:
    query = f"SELECT * FROM transfer WHERE ledger_id = {LEDGER} AND id > {after} AND id <= {upto}"
    return [tuple(row) for row in conn.exec_driver_sql(query + " ORDER BY id")]


def _records(conn: Connection, entries: Sequence[Entry]) -> Rows:
    """The entries' records in the order of their transfers, read along the primary key."""
    spans: dict[tuple[int, int], list[int]] = {}
    for entry in entries:
        key = entry.key
        seqs = spans.setdefault((key.source_id, signed64(key.epoch)), [key.seq, key.seq])
        seqs[0], seqs[1] = min(seqs[0], key.seq), max(seqs[1], key.seq)
    rows: list[Any] = []
    for (source_id, epoch), (low, high) in spans.items():
        rows += conn.exec_driver_sql(
            f"SELECT * FROM record WHERE ledger_id = {LEDGER} AND source_id = {source_id} "
            f"AND epoch = {epoch} AND seq BETWEEN {low} AND {high}"
        ).all()
    place = [column.name for column in t.record.columns].index("transfer_id")
    return sorted((tuple(row) for row in rows), key=lambda row: row[place])


def _sums(engine: Engine) -> tuple[int, ...]:
    with db.read(engine) as conn:
        transfers = conn.execute(
            text("SELECT count(*), max(id), sum(amount), sum(credit % 1000003) FROM transfer")
        ).one()
        records = conn.execute(text("SELECT count(*), sum(amount), sum(seq) FROM record")).one()
    return tuple(int(value or 0) for value in (*transfers, *records))


def _size_of(engine: Engine) -> int:
    """Bytes that the database takes on disk, without the write-ahead log."""
    with db.read(engine) as conn:
        if engine.dialect.name == "postgresql":
            return int(conn.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        pages = int(conn.scalar(text("PRAGMA page_count")) or 0)
        return pages * int(conn.scalar(text("PRAGMA page_size")) or 0)


def _rss_mib() -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def _urls(engine: str) -> Iterator[list[str]]:
    """Our database first, then one for each raw route; all of them go when the context ends."""
    if engine == "postgresql":
        with (
            postgres.server() as server,
            postgres.database(server) as ours,
            postgres.database(server) as raw,
        ):
            yield [ours, raw]
        return
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ledger-long-", dir=ROOT / "var") as folder:
        yield [f"sqlite:///{folder}/{name}.sqlite" for name in ("ours", "raw-0", "raw-1")]


def main() -> None:
    """The bench by hand, as far and on the engine that is asked for."""
    parser = argparse.ArgumentParser(description="Whether the ledger slows down as it grows.")
    parser.add_argument("--upto", type=int, default=SIZES[-1], help="the largest size")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    print(json.dumps(run(given.upto, given.engine)))


if __name__ == "__main__":
    main()
