"""Rows are written while later requests of their batch are decided: nothing else may change."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select

from backend import db
from backend.ledger import accounts, errors
from backend.ledger import tables as t
from backend.ledger.poster import Limits
from backend.ledger.store import Store
from backend.ledger.transfers import Code, Credit, Group, Leg
from backend.ledger.verify import verify
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay


@pytest.fixture
def ahead(engine: Engine) -> Iterator[Town]:
    """A town whose poster writes three rows at a time, after every second decision."""
    made = Town(engine, Limits(part=2, block=3))
    yield made
    made.close()


def count(town: Town, table: t.Table) -> int:
    with db.read(town.engine) as conn:
        return conn.scalar(select(func.count()).select_from(table)) or 0


def books_fit(town: Town) -> bool:
    with db.read(town.engine) as conn:
        return verify(conn, TOWN).ok


def test_a_batch_that_is_written_in_parts_is_booked_once_and_in_order(ahead: Town) -> None:
    one, two = ahead.account(500), ahead.account(500)
    asked = [entry(n, Credit(one, n + 1)) if n % 3 else pay(one, two, n + 1) for n in range(40)]

    answers = done(ahead.poster.submit_all(asked))

    ids = [a.transfer_id if n % 3 else a.transfer_ids[0] for n, a in enumerate(answers)]
    assert ids == list(range(ids[0], ids[0] + 40))
    assert count(ahead, t.transfer) == 42
    assert books_fit(ahead)


def test_rows_are_written_by_a_thread_of_their_own(
    ahead: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = ahead.account()
    threads = set()
    kind = type(ahead.poster._clerk._store)
    bulk = kind.bulk

    def seen(self: Store, *given: object) -> None:
        threads.add(threading.current_thread().name)
        bulk(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "bulk", seen)
    done(ahead.poster.submit_all([entry(n, Credit(member, 5)) for n in range(10)]))

    assert threads == {f"poster-{TOWN}", f"poster-{TOWN}-writes_0"}


def test_a_refusal_in_the_last_part_spoils_no_row_of_the_first(ahead: Town) -> None:
    member = ahead.account()
    asked = [entry(n, Credit(member, 5)) for n in range(9)]

    answers = done(ahead.poster.submit_all([*asked, pay(member, accounts.SUSPENSE, 1_000)]))

    assert isinstance(answers[-1], errors.InsufficientFunds)
    assert {a.outcome for a in answers[:-1]} == {"credited"}
    assert ahead.balance(member) == 45


def test_a_batch_that_cannot_be_written_leaves_nothing_of_what_was_written_ahead(
    ahead: Town,
) -> None:
    member = ahead.account(100)
    before = count(ahead, t.transfer), count(ahead, t.record)
    # The caller's own row breaks a rule of its table, at the very end of the batch.
    broken = Group(
        (Leg(member, accounts.SUSPENSE, 1, Code.PAY),),
        NOW_S,
        rows=((t.hold_terms, {"transfer_id": 1, "expires_s": 1, "on_expiry": "never"}),),
    )

    answers = done(
        ahead.poster.submit_all([*(entry(n, Credit(member, 5)) for n in range(9)), broken])
    )

    assert isinstance(answers[-1], errors.LedgerError)
    assert {a.outcome for a in answers[:-1]} == {"credited"}
    assert (count(ahead, t.transfer), count(ahead, t.record)) == (before[0] + 9, before[1] + 9)
    assert books_fit(ahead)


def test_what_the_writing_thread_runs_into_undoes_the_batch(
    ahead: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = ahead.account()
    before = count(ahead, t.record)
    kind = type(ahead.poster._clerk._store)
    bulk = kind.bulk
    asked = [entry(n, Credit(member, 5)) for n in range(12)]

    def full(self: Store, conn: object, table: t.Table, rows: list[object]) -> None:
        if threading.current_thread().name.endswith("writes_0") and table is t.record:
            driver = ahead.engine.dialect.loaded_dbapi
            raise driver.OperationalError("the disk is full")
        bulk(self, conn, table, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "bulk", full)
    failed = done(ahead.poster.submit_all(asked))
    monkeypatch.undo()

    assert {type(answer) for answer in failed} == {errors.BooksUnavailable}
    assert count(ahead, t.record) == before
    assert {a.known for a in done(ahead.poster.submit_all(asked))} == {False}
    assert books_fit(ahead)


def test_a_poster_that_was_closed_and_started_writes_ahead_again(ahead: Town) -> None:
    member = ahead.account()
    done(ahead.poster.submit_all([entry(n, Credit(member, 5)) for n in range(9)]))

    ahead.restart()
    done(ahead.poster.submit_all([entry(n, Credit(member, 5)) for n in range(9, 18)]))

    assert ahead.balance(member) == 90
    assert not [each for each in threading.enumerate() if "writes" in each.name][1:]
