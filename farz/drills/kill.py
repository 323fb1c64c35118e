"""`kill`: the books' server is killed with -9 under a mixed load, PostgreSQL's own server too.

Clients repeat what was not answered. At the end their logs are compared with the books. One run
in ten is against the whole backend over HTTP, the others against the bare poster.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend import db
from backend.ledger import tables as t
from farz import guard
from farz.demo import say
from farz.drills import Engine, over_http
from farz.drills.clients import Till
from farz.drills.judging import Judge
from farz.drills.load import Load
from farz.drills.stores import Databases, databases
from farz.processes import Part, python

LEDGER = 1
TILLS, KILLS, HTTP_EVERY = 4, 2, 10
HOLD_S = 3600


def run(runs: int, seed: int, engine: Engine) -> dict[str, Any]:
    """Each run is a ledger of its own, and a server that dies `KILLS` times."""
    counts: Counter[str] = Counter()
    conserved = True
    with databases(engine) as made:
        for number in range(runs):
            play = whole_backend if number % HTTP_EVERY == 0 else bare_poster
            with made.fresh() as url:
                conserved &= play(made, url, seed + number, counts)
            say(f"run {number + 1} of {runs}: {dict(counts)}")
    return {
        **{name: counts[name] for name in ("requests", "resent", "over_http", "lost", "doubled")},
        "killed": {name: counts[name] for name in ("server", "database")},
        "conserved": conserved,
        "struck": counts["server"] + counts["database"] >= runs * KILLS,
    }


def bare_poster(made: Databases, url: str, seed: int, counts: Counter[str]) -> bool:
    """One ledger's life; adds to `counts` and tells whether everything was conserved."""
    dice = random.Random(f"farz kill {seed}")
    engine = db.create_engine(url)
    t.metadata.create_all(engine)
    now_s = int(time.time())
    loads = [Load(seed * TILLS + n, n + 1, now_s + HOLD_S) for n in range(TILLS)]
    with db.begin(engine) as conn:
        loads[0].open(conn, LEDGER, now_s)
    engine.dispose()
    with guard.folder("fzk") as folder:
        socket = Path(folder) / "books"
        command = python("-m", "farz.drills.server", url, str(LEDGER), str(socket))
        server = Part("server", command, Path(folder) / "log")
        try:
            tills = _load(server, made, dice, socket, loads, counts)
        finally:
            server.kill()
    for till in tills:
        counts["requests"] += len(till.asked)
        counts["resent"] += till.resent
    engine = db.create_engine(url)
    with db.read(engine) as conn:
        verdict = Judge(conn, LEDGER).judge(tills, loads[0].members)
    engine.dispose()
    counts["lost"] += verdict.lost + sum(len(each.asked) - len(each.told) for each in tills)
    counts["doubled"] += verdict.doubled
    return verdict.conserved


def _load(
    server: Part,
    made: Databases,
    dice: random.Random,
    socket: Path,
    loads: list[Load],
    counts: Counter[str],
) -> list[Till]:
    over = threading.Event()
    tills = [Till(socket, load, over.is_set) for load in loads]
    _start(server, socket)
    tills[0].ask(loads[0].funds())
    _strike(tills, over, made, dice, server, lambda: _start(server, socket), counts)
    return tills


def whole_backend(made: Databases, url: str, seed: int, counts: Counter[str]) -> bool:
    """The same against `farz serve`, with signed deposits and redemptions over HTTP."""
    dice, over = random.Random(f"farz kill {seed}"), threading.Event()
    with guard.folder("fzk") as folder:
        backend = over_http.Backend(url, Path(folder), seed)
        relay = over_http.Relay(backend, over.is_set, seed)
        clerk = over_http.Clerk(backend, over.is_set, seed)
        try:
            backend.start()
            _strike([relay, clerk], over, made, dice, backend.part, backend.start, counts, 1.5)
        finally:
            backend.part.kill()
        verdict = over_http.judge(url, relay, clerk)
    counts["over_http"] += 1
    counts["requests"] += relay.asked + clerk.asked
    counts["resent"] += relay.resent + clerk.resent
    counts["lost"] += verdict.lost
    counts["doubled"] += verdict.doubled
    return verdict.conserved


def _strike(
    callers: Sequence[Till | over_http.Caller],
    over: threading.Event,
    made: Databases,
    dice: random.Random,
    server: Part,
    start: Callable[[], None],
    counts: Counter[str],
    most_s: float = 0.4,
) -> None:
    """Lets the callers call, kills server or database `KILLS` times, and waits for the last word.

    Raises what a caller could not get over.
    """
    for caller in callers:
        caller.start()
    try:
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.01, most_s))
            if dice.random() < 0.5 and made.kill():
                counts["database"] += 1
                continue
            server.kill()
            counts["server"] += 1
            start()
        time.sleep(dice.uniform(0.01, 0.1))
    finally:
        over.set()
    for caller in callers:
        caller.join()
        if caller.failed is not None:
            raise caller.failed


def _start(server: Part, socket: Path) -> None:
    """A dead server leaves its socket behind: the new one is ready when it has made its own."""
    socket.unlink(missing_ok=True)
    server.start()
    server.await_ready(socket.exists)
