"""Balances of the past and deep pages: exact, and no more work when there is more history."""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import Connection, Engine, select, text

from backend import db, migrations
from backend.ledger import accounts, balances, history
from backend.ledger import tables as t
from backend.ledger.poster import Limits
from backend.ledger.verify import verify
from tests.backend.ledger.town import TOWN, Town, done, pay, settled
from tests.backend.ledger.work import work

TAIL = 16


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    """A town that folds early, so that a short history has many snapshots."""
    made = Town(engine, Limits(tail=TAIL, issuer_tail=64, batch=32))
    yield made
    made.close()
    with db.read(engine) as conn:
        report = verify(conn, TOWN)
    assert report.ok or made.spoiled, report.problems


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "EVERY", TAIL)


def back_and_forth(town: Town, a: int, b: int, transfers: int) -> None:
    """Many payments between two accounts, of amounts that differ."""
    dice = random.Random(transfers)
    pairs = [dice.sample((a, b), 2) for _ in range(transfers)]
    for start in range(0, transfers, 60):
        some = pairs[start : start + 60]
        asked = [town.poster.submit(pay(x, y, dice.randint(1, 9))) for x, y in some]
        assert not [answer for answer in settled(asked) if isinstance(answer, Exception)]
    town.restart()  # the poster has folded what was to be folded


def test_every_balance_of_the_past_is_what_was_folded_then(town: Town) -> None:
    a, b = town.account(10_000), town.account(10_000)
    back_and_forth(town, a, b, 300)

    with db.read(town.engine) as conn:
        rows = conn.execute(select(t.transfer).order_by(t.transfer.c.id)).all()
        snapshots = conn.scalars(select(t.balance_snapshot.c.upto_id)).all()
        sums = {a: 0, b: 0, accounts.ISSUER: 0}
        assert len(snapshots) > 10
        for row in rows:
            sums[row.debit] -= row.amount
            sums[row.credit] += row.amount
            for account_id, expected in sums.items():
                debits, credits = balances.balance_at(conn, TOWN, account_id, row.id)
                assert credits - debits == expected, (row.id, account_id)


def test_a_moment_finds_the_last_transfer_recorded_by_then(town: Town) -> None:
    a, b = town.account(1_000), town.account(1_000)
    back_and_forth(town, a, b, 40)

    with db.read(town.engine) as conn:
        times = conn.execute(select(t.transfer.c.id, t.transfer.c.recorded_us)).all()
        assert history.id_at(conn, TOWN, 0) == 0
        for transfer_id, recorded_us in times:
            assert history.id_at(conn, TOWN, recorded_us) == transfer_id
            assert history.id_at(conn, TOWN, recorded_us - 1) == transfer_id - 1
        assert history.id_at(conn, TOWN, 2**62) == len(times)


def test_a_tail_that_grew_long_is_kept_in_steps(town: Town) -> None:
    a, b = town.account(10_000), town.account(10_000)
    asked = [town.poster.submit(pay(a, b, 1)) for _ in range(200)]
    assert not [answer for answer in settled(asked) if isinstance(answer, Exception)]
    town.restart()

    with db.read(town.engine) as conn:
        row = t.balance_snapshot.c
        kept = select(row.upto_id).where(row.account_id == a).order_by(row.upto_id)
        ids = conn.scalars(kept).all()
        assert balances.balance_at(conn, TOWN, a, 102)[0] == 100
    assert max(y - x for x, y in pairwise([0, *ids])) <= 2 * TAIL + 32


def test_the_pages_of_a_statement_join_without_a_seam_though_more_is_booked(town: Town) -> None:
    a, b = town.account(1_000), town.account(1_000)
    back_and_forth(town, a, b, 120)

    paged: list[balances.Line] = []
    before = None
    while True:
        with db.read(town.engine) as conn:  # a look of its own for each page
            page = balances.statement(conn, TOWN, a, before, limit=7)
        if not page:
            break
        paged += page
        before = page[-1].transfer_id
        back_and_forth(town, a, b, 8)

    with db.read(town.engine) as conn:
        whole = balances.statement(conn, TOWN, a, limit=1_000)
    assert len(whole) > len(paged) > 7
    assert paged == whole[-len(paged) :]
    assert whole[-1].balance_after == whole[-1].amount


def test_a_deep_page_is_no_more_work_in_a_longer_history(town: Town) -> None:
    a, b = town.account(100_000), town.account(100_000)

    def asked() -> list[int]:
        with db.read(town.engine) as conn:
            last_id = history.last_id(conn, TOWN)
        deep = last_id // 2
        return [
            work(town.engine, lambda conn: balances.statement(conn, TOWN, a, deep, 10)),
            work(town.engine, lambda conn: balances.statement(conn, TOWN, a, 100, 10)),
            work(town.engine, lambda conn: balances.balance_at(conn, TOWN, a, deep)),
            work(town.engine, lambda conn: balances.balance_at(conn, TOWN, accounts.ISSUER, deep)),
        ]

    back_and_forth(town, a, b, 300)
    short = asked()
    back_and_forth(town, a, b, 2_100)
    # A snapshot may lie a batch further away, never eight times as far.
    most = [1.5 * each + 40 * 4 * TAIL for each in short]
    assert all(long <= bound for long, bound in zip(asked(), most, strict=True)), (short, asked())
    without = work(town.engine, lambda conn: _summed(conn, a))
    assert without > max(most)  # the counter sees what a sum over the history costs


def test_a_quiet_account_is_no_more_work_because_others_trade(town: Town) -> None:
    a, b, quiet = town.account(100_000), town.account(100_000), town.account(7)
    assert settled([town.poster.submit(pay(quiet, a, 3))])

    def asked() -> list[int]:
        with db.read(town.engine) as conn:
            last_id = history.last_id(conn, TOWN)
        return [
            work(town.engine, ask)
            for account_id in (quiet, accounts.SUSPENSE)
            for ask in (
                lambda conn, of=account_id: balances.balance(conn, TOWN, of),
                lambda conn, of=account_id: balances.balance_at(conn, TOWN, of, last_id),
                lambda conn, of=account_id: balances.statement(conn, TOWN, of, last_id, 10),
                lambda conn, of=account_id: balances.statement(conn, TOWN, of, None, 10),
            )
        ]

    back_and_forth(town, a, b, 120)
    short = asked()
    back_and_forth(town, a, b, 1_200)

    assert all(long <= each + 20 for long, each in zip(asked(), short, strict=True)), (
        short,
        asked(),
    )


def _summed(conn: Connection, account_id: int) -> None:
    for side in ("debit", "credit"):
        conn.execute(
            text(f"SELECT sum(amount) FROM transfer WHERE ledger_id = :l AND {side} = :a"),
            {"l": TOWN, "a": account_id},
        ).one()


def test_a_snapshot_that_was_altered_is_named(town: Town) -> None:
    a, b = town.account(1_000), town.account(1_000)
    back_and_forth(town, a, b, 100)
    town.spoiled = True

    with db.begin(town.engine) as conn:
        conn.execute(text("UPDATE balance_snapshot SET credits = credits + 1"))
    with db.read(town.engine) as conn:
        report = verify(conn, TOWN)

    assert {problem.invariant for problem in report.problems} == {"I2"}
    assert "snapshot" in report.problems[0].words


@pytest.mark.parametrize("made", ["by its tables", "by migrations"])
def test_postgresql_plans_for_few_rows_an_account_though_one_pays_all(
    postgres_url: str, made: str
) -> None:
    """Else a quiet account's balance may be found by reading all transfers since its fold."""
    engine = db.create_engine(postgres_url)
    if made == "by migrations":
        migrations.upgrade_engine(engine)
    else:
        t.metadata.create_all(engine)
    town = Town(engine)
    payer, payee = town.account(funds=1_000), town.account()
    done(town.poster.submit_all([pay(payer, payee, 1) for _ in range(500)]))
    town.close()

    with db.begin(engine) as conn:
        conn.exec_driver_sql("ANALYZE transfer")
        counted = conn.execute(
            text(
                "SELECT attname, n_distinct FROM pg_stats WHERE tablename = 'transfer' "
                "AND attname IN ('debit', 'credit', 'code') ORDER BY attname"
            )
        ).all()

    assert [tuple(each) for each in counted] == [
        ("code", 2),
        ("credit", pytest.approx(-0.02)),
        ("debit", pytest.approx(-0.02)),
    ]
    engine.dispose()
