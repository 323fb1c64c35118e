"""How many events a second we book, over what other Python ledgers book on the same PostgreSQL.

One event is one deposit: an issuer's debit, a member's credit. All commit with fsync and
synchronous_commit on, 1,024 events a transaction where the other can. The others run in an
environment of their own under var/, pinned; rounds are interleaved, databases grow alike.

What was chosen for them: django-hordak through Django's `bulk_create`, its fastest route (its
constraint triggers still check each leg; the checks in `Leg.save` are skipped), with its
documented `Account.transfer_to` printed beside it; python-accounting by its own `post`, committed
by itself or in one outer transaction of 128 events, whichever is faster (1,024 are slower).
"""

import hashlib
import json
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

from sqlalchemy import URL, select

from backend import db
from backend.ledger import tables as t
from backend.ledger.poster import Poster
from backend.ledger.verify import verify
from bench.figures import Figures, not_measured, of_rounds, report
from bench.ledger import plain
from bench.raw import Batch, RawPostgres
from bench.town import LEDGER, deposits, found, now_us
from farz import postgres
from farz.demo import say
from farz.errors import FarzError
from farz.processes import ROOT

HERE = Path(__file__).parent
ROUNDS = 5
BATCH = 1_024
MEMBERS = 1_000
OURS = 16 * BATCH
# (peer, how): events a round, events a transaction
ROUTES = {
    ("hordak", "bulk"): (4 * BATCH, BATCH),
    ("hordak", "api"): (BATCH, BATCH),
    ("accounting", "bulk"): (256, 128),
    ("accounting", "api"): (128, 1),
}
AT_LEAST, AIM = 20.0, 100.0
INSTALL_S, RUN_S = 600, 600


class Unavailable(FarzError):
    """A peer could not be installed or run here."""


def run(rounds: int = ROUNDS, scale: float = 1.0) -> dict[str, Any]:
    """Return the bench's report; `scale` below 1 shrinks each round."""
    return report("peers", measure(rounds, scale))


def measure(rounds: int = ROUNDS, scale: float = 1.0) -> Figures:
    """The figures by name; a peer that cannot be had here is not measured, with the reason."""
    rates: dict[str, list[float]] = {"ours": []}
    missing: dict[str, str] = {}
    pythons: dict[str, Path] = {}
    for peer in dict.fromkeys(peer for peer, _ in ROUTES):
        try:
            pythons[peer] = environment(peer)
        except Unavailable as error:
            missing[peer] = str(error)
            say(f"{peer} is not measured: {error}")
    with postgres.server() as server:
        _rounds(server, rounds, scale, pythons, missing, rates)
    return _figures(rates, missing)


def _rounds(
    server: URL,
    rounds: int,
    scale: float,
    pythons: dict[str, Path],
    missing: dict[str, str],
    rates: dict[str, list[float]],
) -> None:
    names = {peer: f"peer_{peer}" for peer in pythons}
    for name in names.values():
        postgres.administer(server, f"CREATE DATABASE {name}")
    with (
        postgres.database(server) as url,
        postgres.database(server) as raw_url,
        Ours(url) as ours,
        RawInsert(raw_url) as limit,
    ):
        for number in range(rounds):
            rates["ours"].append(ours.rate(max(BATCH, int(OURS * scale))))
            rates.setdefault("raw", []).append(limit.rate(ours.booked()))
            say(
                f"round {number + 1}: {rates['ours'][-1]:,.0f} events booked a second, "
                f"a raw insert of the same rows {rates['raw'][-1]:,.0f}"
            )
            for (peer, how), (events, batch) in ROUTES.items():
                if peer in missing or peer not in pythons:
                    continue
                size = max(16, int(events * scale))
                try:
                    rate = rate_of(
                        peer, pythons[peer], postgres.named(server, names[peer]), size, batch, how
                    )
                except Unavailable as error:
                    missing[peer] = str(error)
                    say(f"{peer} is not measured: {error}")
                    continue
                say(f"  {peer} by {how}: {rate:,.1f}")
                rates.setdefault(f"{peer}_{how}", []).append(rate)
        ours.check()


def _figures(rates: dict[str, list[float]], missing: dict[str, str]) -> Figures:
    unit = "times their events/s"
    figures: Figures = {}
    for peer, why in missing.items():
        figures[f"over_{peer}"] = not_measured(why, unit, AT_LEAST, AIM)
    for peer in dict.fromkeys(peer for peer, _ in ROUTES):
        routes = [f"{peer}_{how}" for of, how in ROUTES if of == peer]
        if peer in missing or not all(route in rates for route in routes):
            continue
        best = [max(each) for each in zip(*(rates[route] for route in routes), strict=True)]
        over = [a / b for a, b in zip(rates["ours"], best, strict=True)]
        figures[f"over_{peer}"] = of_rounds(over, unit, AT_LEAST, AIM, 1)
        for route in routes:
            over = [a / b for a, b in zip(rates["ours"], rates[route], strict=True)]
            figures[f"over_{route}"] = of_rounds(over, unit, digits=1)
    if "hordak_bulk" in rates:
        # No ledger on this server could be more times faster than inserting its rows is.
        limit = [a / b for a, b in zip(rates["raw"], rates["hordak_bulk"], strict=True)]
        figures["raw_insert_over_hordak"] = of_rounds(limit, unit, digits=1)
    for name, each in rates.items():
        figures[f"{name}_events_per_s"] = of_rounds(each, "1/s", digits=1)
    return figures


class Ours:
    """Our poster on a database of its own."""

    def __init__(self, url: str) -> None:
        self._engine = db.create_engine(url)
        self._members = found(self._engine, MEMBERS)
        self._booked = self._last = 0

    def __enter__(self) -> "Ours":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def rate(self, events: int) -> float:
        """Events a second, until the last is booked and every touched account is folded."""
        entries = deposits(self._members, self._booked, events)
        self._booked, self._last = self._booked + events, events
        poster = Poster(self._engine, LEDGER, now_us)
        poster.start()
        start_s = time.perf_counter()
        futures = [poster.submit_all(entries[at : at + BATCH]) for at in range(0, events, BATCH)]
        for future in futures:
            future.result()
        poster.close()  # what waits to be folded is folded first
        return events / (time.perf_counter() - start_s)

    def booked(self) -> list[Batch]:
        """The rows of the last round, in batches."""
        with db.read(self._engine) as conn:
            transfers, records = (
                plain(conn.execute(select(table).order_by(key.desc()).limit(self._last)), epoch)
                for table, key, epoch in (
                    (t.transfer, t.transfer.c.id, 11),
                    (t.record, t.record.c.recorded_us, 2),
                )
            )
        return [
            (transfers[::-1][at : at + BATCH], records[::-1][at : at + BATCH])
            for at in range(0, self._last, BATCH)
        ]

    def check(self) -> None:
        """FarzError if the books do not hold what was booked."""
        with db.read(self._engine) as conn:
            found_ = verify(conn, LEDGER)
        if not found_.ok or found_.transfers != self._booked:
            raise FarzError(f"The books do not fit: {found_.transfers} {found_.problems[:3]}")


class RawInsert:
    """What bounds any ledger here: the rows that we booked, inserted by COPY and not checked."""

    def __init__(self, url: str) -> None:
        engine = db.create_engine(url)
        found(engine, 1)
        engine.dispose()
        self._raw = RawPostgres(url)

    def __enter__(self) -> "RawInsert":
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def rate(self, batches: list[Batch]) -> float:
        """Events a second."""
        return sum(len(transfers) for transfers, _ in batches) / self._raw.seconds(batches)


def environment(peer: str) -> Path:
    """The Python of the peer's pinned environment, made the first time. Raises Unavailable."""
    pins = HERE / f"{peer}.txt"
    name = f"{peer}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    folder = ROOT / "var" / "peers" / name
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        say(f"installing {peer} into {folder.relative_to(ROOT)}")
        venv.create(folder, clear=True, with_pip=True)
        _run([str(python), "-m", "pip", "install", "-q", "--no-deps", "-r", str(pins)], INSTALL_S)
        ready.touch()
    return python


def rate_of(peer: str, python: Path, url: str, events: int, batch: int, how: str) -> float:
    """Events a second that a peer books in a process of its own. Raises Unavailable, FarzError."""
    script = HERE / f"with_{peer}.py"
    out = _run([str(python), str(script), url, str(events), str(batch), how], RUN_S)
    told = json.loads(out.splitlines()[-1])
    if not told["balances_fit"]:
        raise FarzError(f"{peer} did not book what it was given: {told}")
    return float(told["events"] / told["seconds"])


def _run(command: list[str], limit_s: float) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, cwd=ROOT)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[1:3]} took more than {limit_s:.0f} s") from None
    if done.returncode != 0:
        sys.stderr.write(done.stderr[-2000:])
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise Unavailable(last[0][:300])
    return done.stdout
