"""A run of melting is killed before and after each of its statements, and goes on: once for each.

The poster's process dies by SIGKILL in the second batch of three; another one takes over.
"""

import os
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from backend import db
from backend.ledger import accounts, balances, melting
from backend.ledger import rule_tables as r
from backend.ledger.accounts import CREDIT
from backend.ledger.melt_terms import DAY_S, EXPIRY, Melting
from backend.ledger.melting import Melt
from backend.ledger.poster import Poster
from backend.ledger.rules import DecideMelting
from backend.ledger.transfers import Credit
from backend.ledger.verify import verify
from farz.drills.failpoints import install
from tests.backend.ledger.town import NOW_S, TOWN, done, entry

PEOPLE, BATCH, SHARE = 8, 3, 10
ENOUGH = 40  # a batch has fewer statements


class Machine:
    """A machine's life: a poster of its own on the town's disk, at one moment."""

    def __init__(self, url: str, day: int) -> None:
        self.engine = db.create_engine(url)
        self.failpoint = install(self.engine, f"poster-{TOWN}")
        now_us = (NOW_S + day * DAY_S) * 1_000_000
        self.poster = Poster(self.engine, TOWN, lambda: now_us)
        self.poster.start()

    def close(self) -> None:
        self.poster.close()
        self.engine.dispose()

    def ask(self, request: Any) -> Any:
        return done(self.poster.submit(request))

    def melt(self) -> None:
        while self.ask(Melt()) is not None:
            pass


def _die(url: str, day: int, at: int, when: Any) -> bool:
    """A child does the first batch and meets its end in the second; whether it did."""
    child = os.fork()
    if child == 0:
        try:
            machine = Machine(url, day)
            machine.ask(Melt())
            machine.failpoint.arm(at, when, "kill")
            machine.ask(Melt())
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _found(url: str) -> list[int]:
    engine = db.create_engine(url)
    with db.begin(engine) as conn:
        accounts.open_ledger(conn, TOWN, NOW_S * 1_000_000)
        owners = [f"person:{number}" for number in range(PEOPLE)]
        people = accounts.open_accounts(conn, TOWN, CREDIT, owners)
    engine.dispose()
    return people


def test_a_killed_run_takes_of_everybody_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(melting, "BATCH", BATCH)
    url = engine.url.render_as_string(hide_password=False)
    engine.dispose()  # the machines have the database to themselves
    people = _found(url)
    kills, seq = 0, 0
    first = Machine(url, 0)
    first.ask(DecideMelting(CREDIT, Melting(EXPIRY, days=1), "two:staff:1,staff:2"))
    first.close()

    for turn in range(2 * ENOUGH):
        day = 2 * turn + 2
        earning = Machine(url, day)
        earning.melt()  # a run for what there was before, which is nothing
        for who in people:
            seq += 1
            earning.ask(entry(seq, Credit(who, SHARE)))
        earning.close()
        died = _die(url, day + 2, turn // 2 + 1, "after" if turn % 2 else "before")
        again = Machine(url, day + 2)
        again.melt()
        again.melt()
        _judge(again, people, runs_of=turn + 1)
        again.close()
        if not died:
            break
        kills += 1

    assert 8 < kills < 2 * ENOUGH, kills


def _judge(machine: Machine, people: list[int], *, runs_of: int) -> None:
    """Everybody gave what they had, each time once; the books fold."""
    with db.read(machine.engine) as conn:
        has = balances.balances(conn, TOWN, people)
        taken = conn.scalar(select(func.count()).select_from(r.melted))
        report = verify(conn, TOWN)
    assert {each.posted for each in has.values()} == {0}
    assert {each.debits for each in has.values()} == {SHARE * runs_of}
    assert taken == PEOPLE * runs_of
    assert report.ok, report.problems
