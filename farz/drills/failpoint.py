"""`failpoint`: the poster fails before or after each of its statements in turn.

Two ledgers are asked the same. One never fails; in the other each batch meets a failure at the
next statement, or its process dies there, and is then repeated. Whatever happened, both must
hold the same rows under the same ids at the same times, and the books must fold.
"""

import logging
import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy import Engine as Sql

from backend import db
from backend.ledger import balances
from backend.ledger import tables as t
from backend.ledger.errors import LedgerError, NotNow
from backend.ledger.poster import Limits, Poster, Request
from backend.ledger.verify import verify
from farz.demo import say
from farz.drills import Engine
from farz.drills.failpoints import Failpoint, How, When, install
from farz.drills.load import BEGAN_S, Load
from farz.drills.stores import databases

# Ledgers stay small, so that each can be folded again after every failure.
STEPS, HOLD_S = 35, 4
LIMITS = Limits(tail=4, issuer_tail=8)
HOWS: dict[str, tuple[How, ...]] = {
    "sqlite": ("error",) * 9 + ("kill",),
    "postgresql": ("error",) * 5 + ("cut",) * 4 + ("kill",),
}
# Folding may lag behind without harm, and a leaf of the log hashes the ledger's number too: the
# verifier makes both again from the rows.
_DERIVED = {"account_balance", "balance_snapshot", "ledger_head", "log_tile"}
_SIGNED = {"root", "note"}
WAIT_S = 60
Rows = Counter[tuple[object, ...]]


@dataclass
class Tally:
    """What was struck and what it did, by the shape of a batch.

    `statements` are all that a batch has: known once a strike would have lain behind the last.
    `reached` is how many of them were struck, also where a short run ends before.
    """

    struck: Counter[str] = field(default_factory=Counter)
    statements: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    next_at: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    lost: int = 0
    doubled: int = 0
    halves: int = 0
    wrong: int = 0

    @property
    def runs(self) -> int:
        return self.struck.total()

    def next(self, shape: str) -> tuple[int, When]:
        """The next failpoint of a shape: before 1, after 1, before 2, …"""
        number = self.next_at[shape]
        self.next_at[shape] += 1
        return number // 2 + 1, "after" if number % 2 else "before"

    def hit(self, shape: str, at: int, how: How) -> None:
        """The failpoint was reached."""
        self.struck[how] += 1
        self.reached[shape] = max(at, self.reached.get(shape, 0))

    def over(self, shape: str, statements: int) -> None:
        """The failpoint lay behind the last statement: all of them have been struck."""
        self.statements[shape] = max(statements, self.statements.get(shape, 0))
        self.next_at[shape] = 0


def run(runs: int, seed: int, engine: Engine) -> dict[str, Any]:
    """Strike `runs` times and count what differs from the ledger that never failed."""
    tally = Tally()
    # Each failure is meant: the poster's words about it would bury those of the drill.
    logging.getLogger("backend.ledger").setLevel(logging.CRITICAL)
    with databases(engine) as made, made.fresh() as url:
        prepared = db.create_engine(url)
        t.metadata.create_all(prepared)
        prepared.dispose()
        for number in count(1):
            if tally.runs >= runs:
                break
            _Pair(url, number, seed + number, tally, HOWS[engine]).live(runs)
            say(f"{tally.runs} of {runs} failpoints: {dict(tally.struck)}")
    return {
        "struck_by": dict(tally.struck),
        "statements": tally.statements,
        "reached": tally.reached,
        "committed_all_the_same": tally.repeated,
        "lost": tally.lost,
        "doubled": tally.doubled,
        "conserved": tally.wrong == tally.halves == 0,
        "struck": tally.runs >= runs,
    }


class _Pair:
    """The ledger that fails and the one that does not, side by side in one database."""

    def __init__(self, url: str, number: int, seed: int, tally: Tally, hows: Sequence[How]) -> None:
        self._url = url
        self._failing, self._sound = 2 * number, 2 * number + 1
        self._tally = tally
        self._dice = random.Random(f"farz failpoint {seed}")
        self._load = Load(seed)
        self._hows = hows
        self._now_us = BEGAN_S * 1_000_000
        self._posters: dict[int, Poster] = {}
        self._engine: Sql
        self._failpoint: Failpoint
        self._connect()

    def _connect(self) -> None:
        self._engine = db.create_engine(self._url)
        self._failpoint = install(self._engine, f"poster-{self._failing}")

    def _disconnect(self) -> None:
        for poster in self._posters.values():
            poster.close()
        self._posters.clear()
        self._engine.dispose()

    def live(self, runs: int) -> None:
        """Some batches, each of which fails once; the last word is the verifier's."""
        with db.begin(self._engine) as conn:
            for ledger_id in (self._failing, self._sound):
                self._load.open(conn, ledger_id)
        funds = self._load.funds()
        for ledger_id in (self._failing, self._sound):
            self._ask(ledger_id, funds)
        steps = self._load.steps()
        for _ in range(STEPS):
            if self._tally.runs >= runs:
                break
            self._now_us += 1_000_000
            self._load.hold_until_s = self._now_us // 1_000_000 + HOLD_S
            self._step(*next(steps))
        for ledger_id in (self._failing, self._sound):
            self._fold(ledger_id)
        self._disconnect()

    def _step(self, shape: str, requests: list[Request]) -> None:
        at, when = self._tally.next(shape)
        how = self._dice.choice(self._hows)
        before = self._head(self._failing)
        struck = self._fail(requests, at, when, how)
        if struck:
            self._tally.hit(shape, at, how)
        else:
            self._tally.over(shape, at - 1)
        self._fold(self._failing)
        found = self._head(self._failing)
        self._ask(self._failing, requests)
        self._load.told(requests, self._ask(self._sound, requests))
        if found != before:
            # It was whole after all, so that the repeat came on top: the other hears it twice too.
            if found != (whole := self._head(self._sound)):
                self._tally.halves += 1
                say(f"seed {self._load.seed}: {found} is neither {before} nor {whole}")
            self._tally.repeated += 1
            self._ask(self._sound, requests)
        self._compare()

    def _fail(self, requests: list[Request], at: int, when: When, how: How) -> bool:
        """Asks with the failpoint armed; tells whether it was reached."""
        strike = (at, when, how)
        if how != "kill":
            self._ask(self._failing, requests, strike)
            return self._failpoint.struck
        # The child takes the database over: nobody else has it open meanwhile.
        self._disconnect()
        child = os.fork()
        if child == 0:
            try:
                self._connect()
                self._ask(self._failing, requests, strike)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        self._connect()
        return os.WIFSIGNALED(status)

    def _ask(
        self, ledger_id: int, requests: list[Request], strike: tuple[int, When, How] | None = None
    ) -> list[Any]:
        """A batch, then folding. The sound poster lives on; the other one dies, but
        for half of those that were struck, which must go on as if nothing had been.
        """
        poster = self._posters.pop(ledger_id, None)
        if poster is None:
            poster = Poster(self._engine, ledger_id, lambda: self._now_us, LIMITS)
            poster.start()
        if strike:
            self._failpoint.arm(*strike)
        answers = poster.submit_all(requests).result(WAIT_S)
        goes_on = bool(strike) and self._failpoint.struck and self._dice.random() < 0.5
        if ledger_id == self._sound or goes_on:
            self._posters[ledger_id] = poster
        else:
            poster.close()
        self._failpoint.disarm()
        for error in (each for each in answers if isinstance(each, Exception)):
            if isinstance(error, NotNow) and not strike:
                raise error
            if not isinstance(error, LedgerError):
                raise error
        return answers

    def _head(self, ledger_id: int) -> tuple[int, int]:
        head = t.ledger_head.c
        with db.read(self._engine) as conn:
            row = conn.execute(
                select(head.next_id, head.clock_us).where(head.ledger_id == ledger_id)
            ).one()
        return row.next_id, row.clock_us

    def _fold(self, ledger_id: int) -> None:
        with db.read(self._engine) as conn:
            report = verify(conn, ledger_id)
        for problem in report.problems:
            self._tally.wrong += 1
            say(f"seed {self._load.seed}: {problem}")

    def _compare(self) -> None:
        with db.read(self._engine) as conn:
            failing, sound = (_rows(conn, each) for each in (self._failing, self._sound))
            members = self._load.members
            money = [
                balances.balances(conn, each, members) for each in (self._failing, self._sound)
            ]
            has = [{a: (m[a].posted, m[a].held) for a in members} for m in money]
        for row in (lost := sound - failing):
            say(f"seed {self._load.seed}: lost {row}")
        for row in (doubled := failing - sound):
            say(f"seed {self._load.seed}: doubled {row}")
        self._tally.lost += lost.total()
        self._tally.doubled += doubled.total()
        if has[0] != has[1]:
            self._tally.wrong += 1
            say(f"seed {self._load.seed}: balances are {has[0]}, not {has[1]}")


def _rows(conn: Connection, ledger_id: int) -> Rows:
    """Every row of a ledger but its number and what hashes it, with the table's name."""
    found: Rows = Counter()
    cursor = conn.connection.cursor()
    for name, query in _queries():
        cursor.execute(query.format(ledger_id))
        found.update((name, *row) for row in cursor.fetchall())
    return found


@cache
def _queries() -> list[tuple[str, str]]:
    """What `_rows` asks of each table, after every failure: as text, or the drill is all ORM."""
    return [
        (table.name, f"SELECT {', '.join(columns)} FROM {table.name} WHERE ledger_id = {{}}")
        for table in t.metadata.tables.values()
        if table.name not in _DERIVED
        and table.c.keys()[0] == "ledger_id"
        and (columns := [f'"{name}"' for name in table.c.keys()[1:] if name not in _SIGNED])
    ]
