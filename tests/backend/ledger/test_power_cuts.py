"""What the books acknowledge is on the disk: the power may go at any write, on a disk that lies
about nothing and keeps only what was synced. The last tests show that the disk does lose."""

import functools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import DatabaseError

from backend import db, wal
from backend.ledger import accounts
from backend.ledger import tables as t
from backend.ledger.poster import Limits
from backend.ledger.resolve import SetBudget
from backend.ledger.transfers import Credit, Entry, Group, Outcome, Posted, Suspend
from backend.ledger.verify import verify
from tests.backend.ledger import losing_disk
from tests.backend.ledger.losing_disk import LosingDisk
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay, settled

MEMBERS, BATCHES = 6, 12
Said = dict[int | str, Outcome | Posted]


@dataclass
class Life:
    """A town on a losing disk: what it was asked, what it answered, and where the power went."""

    town: Town
    folder: Path
    dice: random.Random
    members: list[int] = field(default_factory=list)
    asked: dict[int | str, Entry | Group] = field(default_factory=dict)
    said: Said = field(default_factory=dict)
    cuts: list[tuple[Path, Said]] = field(default_factory=list)

    def cut(self, disk: LosingDisk) -> None:
        with disk.lock:
            said, place = dict(self.said), self.folder / f"cut-{len(self.cuts)}"
            place.mkdir()
            disk.cut(place, self.dice)
            self.cuts.append((place, said))

    def live(self, disk: LosingDisk) -> None:
        """Batches of deposits and payments, each answered before the next; tails are folded.

        The power goes at random writes, and now and then just after an answer.
        """
        for number in range(BATCHES):
            futures = {}
            for seq in range(10 * number, 10 * number + 6):
                who = self.dice.choice(self.members)
                wanted = Credit(who, 50) if seq % 5 else Suspend(7)
                self.asked[seq] = entry(seq, wanted, words="x" * self.dice.choice((1, 900)))
                futures[seq] = self.town.poster.submit(self.asked[seq])
            for name in (f"p{number}", f"q{number}"):
                payer, payee = self.dice.sample(self.members, 2)
                self.asked[name] = group = pay(payer, payee, self.dice.randint(1, 40), name)
                futures[name] = self.town.poster.submit(group)
            for name, answer in zip(futures, settled(list(futures.values())), strict=True):
                if isinstance(answer, Outcome | Posted):
                    self.said[name] = answer
            if number % 3 == 0:
                self.cut(disk)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[LosingDisk]:
    """Every SQLite engine made in this test lies on a losing disk."""
    made = LosingDisk()
    lossy = functools.partial(sqlalchemy.create_engine, module=losing_disk)
    monkeypatch.setattr(db, "sqlalchemy_engine", lossy)
    # The log is copied into the database every few batches, so that the power also goes there:
    # by the thread that does it beside the work, and by commits.
    monkeypatch.setattr(wal, "TURN", 60)
    yield made
    monkeypatch.undo()
    made.unregister()


def _set(engine: Engine, pragma: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA {pragma}")


def _life(folder: Path, disk: LosingDisk, seed: int, synchronous: str = "") -> Life:
    dice = random.Random(f"power {seed}")
    engine = db.create_engine(f"sqlite:///{folder}/town.db")
    _set(engine, "wal_autocheckpoint=100")
    if synchronous:
        _set(engine, f"synchronous={synchronous}")
    t.metadata.create_all(engine)
    life = Life(Town(engine, Limits(tail=4, issuer_tail=16)), folder, dice)
    life.members = [life.town.account(funds=100) for _ in range(MEMBERS)]
    done(life.town.poster.submit(SetBudget(NOW_S - 10, NOW_S + 10**6, 3_000, "council")))

    def moment() -> None:
        if dice.random() < 0.04:
            life.cut(disk)

    disk.moment = moment
    life.live(disk)
    disk.moment = lambda: None
    life.cut(disk)
    life.town.close()
    engine.dispose()
    return life


def _missing(place: Path, said: Said) -> list[int | str]:
    """What was acknowledged and is not in the books that were found after the cut."""
    engine = db.create_engine(f"sqlite:///{place}/town.db")
    try:
        with db.read(engine) as conn:
            assert conn.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            report = verify(conn, TOWN)
            records = dict(conn.execute(select(t.record.c.seq, t.record.c.transfer_id)).all())
            keys = dict(conn.execute(select(t.idempotency.c.key, t.idempotency.c.group_id)).all())
    finally:
        engine.dispose()
    assert report.ok, report.problems
    return [
        name
        for name, answer in said.items()
        if (
            keys.get(name) != answer.group_id
            if isinstance(answer, Posted)
            else (name not in records or records[name] != answer.transfer_id)
        )
    ]


def _resume(life: Life, place: Path) -> None:
    """The client repeats everything: each thing is in the books once, and balances are right."""
    engine = db.create_engine(f"sqlite:///{place}/town.db")
    town = Town(engine)
    answers = settled([town.poster.submit(request) for request in life.asked.values()])
    posted = dict(zip(life.asked, answers, strict=True))
    expected = dict.fromkeys(life.members, 100)
    for name, request in life.asked.items():
        answer = posted[name]
        if isinstance(answer, Outcome) and answer.outcome == "credited":
            assert isinstance(request, Entry)
            assert isinstance(request.wanted, Credit)
            expected[request.wanted.account_id] += answer.amount
        elif isinstance(answer, Posted):
            assert isinstance(request, Group)
            (leg,) = request.legs
            expected[leg.debit] -= leg.amount
            expected[leg.credit] += leg.amount
    assert {a: town.balance(a) for a in life.members} == expected
    assert town.balance(accounts.ISSUER) == -sum(expected.values()) - town.balance(
        accounts.SUSPENSE
    )
    town.close()
    engine.dispose()


@pytest.mark.parametrize("seed", range(2))
def test_what_was_acknowledged_survives_a_power_cut_at_any_write(
    tmp_path: Path, disk: LosingDisk, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    life = _life(tmp_path, disk, seed)
    monkeypatch.undo()

    assert len(life.cuts) > 10
    assert len(life.said) > 60
    for place, said in life.cuts:
        assert _missing(place, said) == []
    for place, _ in life.cuts[::5]:
        _resume(life, place)


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_with_less_than_full_synchronisation_the_same_cuts_lose_money(
    tmp_path: Path, disk: LosingDisk, monkeypatch: pytest.MonkeyPatch, synchronous: str
) -> None:
    """The control: if this fails, the test above proves nothing."""
    life = _life(tmp_path, disk, 1, synchronous)
    monkeypatch.undo()

    lost = 0
    for place, said in life.cuts:
        try:
            lost += bool(_missing(place, said))
        except (DatabaseError, AssertionError):
            lost += 1
    assert lost > 0


def test_books_whose_disk_is_not_synced_are_not_served(
    tmp_path: Path, disk: LosingDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that was built, or set, to sync less is found out at the first connection."""
    execute = losing_disk.Connection.execute

    def deaf(self: losing_disk.Connection, statement: str, *rest: Any) -> losing_disk.Cursor:
        lowered = statement.replace("synchronous=FULL", "synchronous=NORMAL")
        return execute(self, lowered, *rest)

    monkeypatch.setattr(losing_disk.Connection, "execute", deaf)
    engine = db.create_engine(f"sqlite:///{tmp_path}/town.db")

    with pytest.raises(db.NotDurable, match="synchronous"), db.read(engine):
        pass
    engine.dispose()
