"""A run of melting is killed after each of its statements, and goes on: once for each account.

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
        self.day = day
        now_us = lambda: (NOW_S + self.day * DAY_S) * 1_000_000  # noqa: E731
        self.poster = Poster(self.engine, TOWN, now_us)
        self.poster.start()

    def close(self) -> None:
        self.poster.close()
        self.engine.dispose()

    def ask(self, request: Any) -> Any:
        return done(self.poster.submit(request))

    def melt(self) -> None:
        while self.ask(Melt()) is not None:
            pass


def _die(url: str, day: int, at: int) -> bool:
    """A child does the first batch and meets its end in the second; whether it did."""
    child = os.fork()
    if child == 0:
        try:
            machine = Machine(url, day)
            machine.ask(Melt())
            machine.failpoint.arm(at, "after", "kill")
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
    machine = Machine(url, 0)
    machine.ask(DecideMelting(CREDIT, Melting(EXPIRY, days=1), "two:staff:1,staff:2"))
    kills = 0
    for turn in range(ENOUGH):
        machine.day = 4 * turn + 2
        machine.melt()  # a run for what there was before, which is nothing
        for number, who in enumerate(people):
            machine.ask(entry(PEOPLE * turn + number, Credit(who, SHARE)))
        machine.close()
        died = _die(url, machine.day + 2, turn + 1)
        machine = Machine(url, machine.day + 2)
        machine.melt()
        _judge(machine, people, runs_of=turn + 1)
        if not died:
            break
        kills += 1
    machine.close()

    assert 8 < kills < ENOUGH, kills


def _judge(machine: Machine, people: list[int], *, runs_of: int) -> None:
    """Everybody gave what they had, each time once; the books fold."""
    with db.read(machine.engine) as conn:
        has = balances.balances(conn, TOWN, people)
        taken = conn.scalar(select(func.count()).select_from(r.melted))
        report = verify(conn, TOWN, now_us=2**60)
    assert {each.posted for each in has.values()} == {0}
    assert {each.debits for each in has.values()} == {SHARE * runs_of}
    assert taken == PEOPLE * runs_of
    assert report.ok, report.problems
