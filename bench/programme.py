"""What a town's figures cost when it has many deposits: a tariff's simulation, a month's report.

`farz bench programme` goes to 5·10⁶ deposits on SQLite; a shorter run, or PostgreSQL:
`python -m bench.programme --upto 300000 --engine postgresql`. Synthetic rows go into the real
schema raw, and the sums of their days are brought up to date as housekeeping does. At each size,
in a process of its own so that its memory can be told, in interleaved rounds: a draft tariff
replayed over a year, beside a plain SELECT of the columns that it replays; the report of a month
and of the year, beside one sequential scan of the whole table.
"""

import argparse
import json
import math
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, insert, make_url, select, text

from backend import db
from backend import tables as t
from backend.ledger.tables import record
from backend.ledger.transfers import signed64
from backend.reports import service as reports
from backend.reports import sums
from backend.reports.service import PAID
from backend.tariffs.service import Tariff
from backend.tariffs.simulation import simulate
from bench.figures import Figures, of_rounds, report
from bench.town import LEDGER, found
from farz import guard, postgres
from farz.demo import say
from farz.errors import FarzError
from farz.processes import ROOT

SIZES = (100_000, 300_000, 1_000_000, 5_000_000)
ROUNDS = 3
MEMBERS = 10_000
HOUSEHOLD = 5  # people
BATCH = 10_000
# Summed in one go: a journal here spans years, so that each of a few records has a day of its own.
SUMMED = 500_000
YEAR_S, MONTH_S = 365 * 86_400, 30 * 86_400
SINCE_S = 1_767_225_600  # 2026-01-01
BYTES_A_DEPOSIT = 1_400  # on disk, with the indexes; measured
JWS = b"x" * 560  # as long as a deposit's signed bytes
RATES = {"organic": 25, "paper_cardboard": 20, "plastic": 40, "metal": 60, "residual": 5}
# Of ten deposits in order; outcomes of a hundred.
STREAM = ("organic",) * 5 + ("plastic", "paper_cardboard", "paper_cardboard", "metal", "residual")
OUTCOMES = ("credited",) * 95 + ("suspended",) * 3 + ("queued", "held")
SELECT_LEAST, SELECT_AIM = 0.3, 1.0
SCAN_LEAST, SCAN_AIM = 1 / 3, 1.0
LINEAR = 1 / 1.15  # time grows at most with the 1.15th power of the deposits
FLAT = 0.8  # memory grows by at most a quarter from the first size to the last
DRAFT = Tariff(99, SINCE_S, "bench", "bench", (), {(name, "standard"): 30 for name in RATES})
# What a simulation needs of each deposit.
REPLAYED = ("account_id", "fraction", "grade", "point_id", "net_g", "amount")


def run(
    upto: int = SIZES[-1], engine: str = "sqlite", rounds: int = ROUNDS, scale: float = 1.0
) -> dict[str, Any]:
    """Return the bench's report; `scale` below 1 shrinks the sizes."""
    measured: dict[int, dict[str, Any]] = {}
    with _database(engine) as url:
        grown = 0
        members = _found(url)
        for size in (int(each * scale) for each in SIZES if each <= upto):
            if size * BYTES_A_DEPOSIT > shutil.disk_usage(ROOT).free // 2:
                say(f"{size:,} deposits would not leave half of the disk free: not measured")
                break
            _grow(url, members, grown, size)
            summed_per_s = (size - grown) / _sum(url)
            grown = size
            measured[size] = _in_a_process(url, rounds) | {"summed_per_s": summed_per_s}
            say(f"at {size:,}: {measured[size]}")
    if len(measured) < 2:
        raise FarzError("A slope needs two sizes; make room on the disk.")
    return report("programme", figures_of(engine, measured))


def figures_of(engine: str, measured: dict[int, dict[str, Any]]) -> Figures:
    """Ratios at each size; slope and memory over all of them."""
    figures: Figures = {}
    for size, at in measured.items():
        name = f"{engine}_{size}"
        figures[f"{name}_simulation_over_select"] = of_rounds(
            _ratios(at["select_s"], at["simulation_s"]), "rows/s of a plain SELECT",
            SELECT_LEAST, SELECT_AIM,
        )  # fmt: skip
        for period, least in (("month", round(SCAN_LEAST, 3)), ("year", None)):
            figures[f"{name}_scan_over_{period}"] = of_rounds(
                _ratios(at["scan_s"], at[f"{period}_s"]), "of a sequential scan", least, SCAN_AIM
            )
        figures[f"{name}_simulated_per_s"] = of_rounds(
            [at["replayed"] / each for each in at["simulation_s"]], "deposits/s", digits=0
        )
        figures[f"{name}_summed_per_s"] = of_rounds([at["summed_per_s"]], "deposits/s", digits=0)
        figures[f"{name}_peak_rss"] = of_rounds([at["rss_mib"]], "MiB", digits=0)
    sizes = list(measured)
    for what, least in (("simulation", round(LINEAR, 3)), ("year", None)):
        # The quickest round of each size: whatever else the machine did only ever adds.
        slope = exponent(sizes, [min(measured[n][f"{what}_s"]) for n in sizes])
        figures[f"{engine}_{what}_exponent"] = of_rounds([slope], "power of the deposits")
        figures[f"{engine}_{what}_linear"] = of_rounds(
            [1 / slope if slope > 0 else 2.0], "1/exponent", least, 1.0
        )
    figures[f"{engine}_memory_of_first_over_last"] = of_rounds(
        [measured[sizes[0]]["rss_mib"] / measured[sizes[-1]]["rss_mib"]], "ratio", FLAT, 1.0
    )
    return figures


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The slope of the least-squares line through (log size, log seconds)."""
    xs, ys = [math.log(n) for n in sizes], [math.log(s) for s in seconds]
    return statistics.linear_regression(xs, ys).slope


def measure(url: str, rounds: int) -> dict[str, Any]:
    """Seconds of each round of each, and this process's peak memory before the plain SELECT.

    The SELECT comes to Python in batches, as everything that replays outside of the database
    would have to.
    """
    engine = db.create_engine(url, exclusive=False)
    works: dict[str, Callable[[Connection], object]] = {
        "simulation": lambda conn: simulate(conn, LEDGER, DRAFT, SINCE_S, SINCE_S + YEAR_S),
        "month": lambda conn: reports.streams(
            conn, LEDGER, SINCE_S + 5 * MONTH_S, SINCE_S + 6 * MONTH_S
        ),
        "year": lambda conn: reports.streams(conn, LEDGER, SINCE_S, SINCE_S + YEAR_S),
        "select": _select,
        "scan": _scan,
    }
    found: dict[str, Any] = {f"{name}_s": [] for name in works}
    with db.read(engine) as conn:
        found["replayed"] = _select(conn)
        for _ in range(rounds):
            for name, work in works.items():
                start_s = time.perf_counter()
                work(conn)
                found[f"{name}_s"].append(time.perf_counter() - start_s)
    engine.dispose()
    found["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _select(conn: Connection) -> int:
    """Fetch what a simulation replays, and count it."""
    row = record.c
    query = select(*(row[name] for name in REPLAYED)).where(
        row.ledger_id == LEDGER,
        row.kind == "deposit",
        row.outcome.in_(PAID),
        row.effective_s >= SINCE_S,
        row.effective_s < SINCE_S + YEAR_S,
    )
    result = conn.execute(query.execution_options(yield_per=BATCH))
    return sum(len(rows) for rows in result.partitions())


def _scan(conn: Connection) -> object:
    """Look at one column of every row of the table, by no index."""
    words = "SELECT count(*), sum(length(fraction)) FROM record"
    if conn.dialect.name == "sqlite":
        words += " NOT INDEXED"
    return conn.execute(text(words)).one()


def _ratios(limit_s: Sequence[float], ours_s: Sequence[float]) -> list[float]:
    return [limit / ours for limit, ours in zip(limit_s, ours_s, strict=True)]


def _in_a_process(url: str, rounds: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "bench.programme", "--measure", url, "--rounds", str(rounds)]
    ended = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@contextmanager
def _database(engine: str) -> Iterator[str]:
    if engine == "postgresql":
        with postgres.server() as server, postgres.database(server) as url:
            yield url
        return
    with guard.folder("farz-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'books.sqlite'}"


def _found(url: str) -> list[int]:
    """Open the books of a town of MEMBERS people in households."""
    engine = db.create_engine(url)
    members = found(engine, MEMBERS)
    rows = [
        {"ledger_id": LEDGER, "id": n, "name": f"Person {n} (synthetic)", "account_id": account}
        | {"household": f"h{n // HOUSEHOLD}", "language": "ar", "enrolled_s": SINCE_S}
        for n, account in enumerate(members)
    ]
    with db.begin(engine) as conn:
        conn.execute(insert(t.person), rows)
    engine.dispose()
    return members


def _grow(url: str, members: Sequence[int], first: int, size: int) -> None:
    """Add deposits raw; how long that takes is not measured, so nothing is synced."""
    columns = [column.name for column in record.columns]
    if url.startswith("sqlite"):
        with sqlite3.connect(str(make_url(url).database)) as raw:
            raw.execute("PRAGMA synchronous = OFF")
            marks = ", ".join("?" * len(columns))
            for batch in _batches(members, first, size):
                raw.executemany(f"INSERT INTO record VALUES ({marks})", batch)
                raw.commit()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        return
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as server:
        with server.cursor().copy(f"COPY record ({', '.join(columns)}) FROM STDIN") as copy:
            for batch in _batches(members, first, size):
                for row in batch:
                    copy.write_row(row)
        server.commit()
        server.autocommit = True
        server.execute("VACUUM ANALYZE record")


def _sum(url: str) -> float:
    """Bring the sums of days up to date; how many seconds it took."""
    engine = db.create_engine(url)
    start_s, more = time.perf_counter(), True
    while more:
        with db.begin(engine) as conn:
            more = sums.roll(conn, LEDGER, SUMMED)
    engine.dispose()
    return time.perf_counter() - start_s


def _batches(members: Sequence[int], first: int, size: int) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(first, size, BATCH):
        if start and start % 1_000_000 == 0:
            say(f"{start:,} synthetic deposits are written")
        yield [_row(members, n) for n in range(start, min(size, start + BATCH))]


def _row(members: Sequence[int], n: int) -> tuple[Any, ...]:
    """Deposit number n as `record` keeps it: a year, again and again, in the order it came."""
    fraction, outcome = STREAM[n % 10], OUTCOMES[n * 31 % 100]
    net_g = 100 + n * 37 % 4_900
    rate = RATES[fraction]
    at_s = SINCE_S + n * 61 % YEAR_S
    owner = None if outcome == "suspended" else members[n * 7919 % len(members)]
    values = {
        "ledger_id": LEDGER, "source_id": 1 + n % 200, "epoch": signed64(0xB0B0 << 48 | n % 200),
        "seq": n // 200, "hash": n.to_bytes(32, "big"), "kind": "deposit", "jws": JWS,
        "received_s": at_s + 2, "effective_s": at_s, "basis": "device",
        "recorded_us": at_s * 1_000_000, "outcome": outcome, "reason": "",
        "point_id": 1 + n % 50, "fraction": fraction, "grade": "standard", "net_g": net_g,
        "tariff_id": 1, "amount_per_kg": rate, "card_ref": f"{n % len(members):064x}",
        "account_id": owner, "amount": (net_g * rate + 500) // 1000,
        "transfer_id": n + 1 if outcome == "credited" else None,
    }  # fmt: skip
    return tuple(values.get(column.name) for column in record.columns)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.programme")
    parser.add_argument("--upto", type=int, default=SIZES[-1])
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--measure", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.rounds)))
        return 0
    made = run(asked.upto, asked.engine, asked.rounds)
    print(json.dumps(made))
    return 1 if made["short"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
