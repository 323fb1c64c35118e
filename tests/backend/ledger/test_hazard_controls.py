"""PostgreSQL's two hazards with the guard taken away: what the guards of test_hazards.py prevent.

Each scene is played twice, with the guard and without it, and must end differently.
"""

import threading
from collections.abc import Callable, Collection

import pytest
from sqlalchemy import Connection, Engine, select, text, true, update

from backend import db
from backend.ledger import accounts, errors, loading
from backend.ledger import tables as t
from backend.ledger.balances import balance_query
from backend.ledger.poster import Poster
from backend.ledger.store import Head
from backend.ledger.store_postgresql import PostgresStore
from backend.ledger.transfers import Code, Posted, Purse, TransferRow
from tests.backend.ledger.test_hazards import _until_waiting
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, pay, settled


def _one_credit_two_payments(engine: Engine) -> tuple[list[object], int]:
    """Two posters want to spend the same last credit, both waiting for the lock meanwhile."""
    t.metadata.create_all(engine)
    town = Town(engine)
    payer, one, other = town.account(funds=1), town.account(), town.account()
    done(town.poster.submit(pay(payer, one, 1)))
    done(town.poster.submit(pay(one, payer, 1)))
    second = Poster(engine, TOWN, town.clock)
    second.start()
    with db.begin(engine) as conn:
        conn.execute(select(t.ledger_head).with_for_update()).one()
        futures = [town.poster.submit(pay(payer, one, 1)), second.submit(pay(payer, other, 1))]
        _until_waiting(conn, 2)
    answers: list[object] = [*settled(futures)]
    left = town.balance(payer)
    town.close()
    second.close()
    return answers, left


def test_with_the_lock_in_a_statement_of_its_own_the_credit_is_spent_once(
    postgres_url: str,
) -> None:
    engine = db.create_engine(postgres_url)

    answers, left = _one_credit_two_payments(engine)

    assert sorted(type(each).__name__ for each in answers) == ["InsufficientFunds", "Posted"]
    assert left == 0
    engine.dispose()


def test_with_lock_and_balances_in_one_statement_the_credit_is_spent_twice(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The waiting statement gets the new head, but the balances of the moment it began."""
    read = threading.local()

    def lock(self: PostgresStore, conn: Connection) -> Head:
        money = balance_query(self.ledger_id).subquery()
        head = t.ledger_head.c
        rows = conn.execute(
            select(head.next_id, head.clock_us, head.terms_no, money)
            .select_from(t.ledger_head.join(money, true()))
            .where(head.ledger_id == self.ledger_id)
            .with_for_update(of=t.ledger_head)
        ).all()
        read.money = {row.account_id: Purse(row.credits - row.debits) for row in rows}
        return Head(*rows[0][:3])

    def stale(_conn: Connection, _ledger: int, wanted: Collection[int]) -> dict[int, Purse]:
        return {account_id: read.money[account_id] for account_id in wanted}

    monkeypatch.setattr(PostgresStore, "lock", lock)
    monkeypatch.setattr(loading, "money", stale)
    engine = db.create_engine(postgres_url)

    answers, left = _one_credit_two_payments(engine)

    assert all(isinstance(each, Posted) for each in answers)
    assert left == -1, "the hazard did not show: the positive test proves nothing"
    engine.dispose()


def test_at_repeatable_read_the_second_payment_is_not_decided_at_all(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot is older than the lock, and PostgreSQL gives the waiting one up."""
    engine = db.create_engine(postgres_url)
    repeatable = engine.execution_options(isolation_level="REPEATABLE READ")
    begin = db.begin
    monkeypatch.setattr(db, "begin", lambda asked: begin(repeatable if asked is engine else asked))

    answers, _ = _one_credit_two_payments(engine)

    assert any(isinstance(each, errors.BooksUnavailable) for each in answers)
    engine.dispose()


def _a_slow_and_a_quick_writer(engine: Engine, take: Callable[[Connection], int]) -> list[int]:
    """The ids that a reader meets who remembers the highest one; the slow writer began first."""
    seen: list[int] = []
    store = PostgresStore(TOWN)

    def write(conn: Connection) -> None:
        transfer_id = take(conn)
        row = TransferRow(
            TOWN, transfer_id, 10, 11, 1, int(Code.RECEIVE_STOCK), transfer_id, 0, None, None,
            None, None, None, 0, None, NOW_S, transfer_id,
        )  # fmt: skip
        store.bulk(conn, t.transfer, [row])

    def quick() -> None:
        with db.begin(engine) as conn:
            write(conn)

    def look() -> None:
        column = t.transfer.c.id
        with db.read(engine) as conn:
            newer = select(column).where(column > max(seen, default=0)).order_by(column)
            seen.extend(conn.scalars(newer))

    other = threading.Thread(target=quick)
    with db.begin(engine) as conn:
        write(conn)
        other.start()
        other.join(0.5)
        look()
    other.join()
    look()
    return seen


def _opened(url: str) -> Engine:
    engine = db.create_engine(url)
    t.metadata.create_all(engine)
    with db.begin(engine) as conn:
        accounts.open_ledger(conn, TOWN, NOW_S * 1_000_000)
        conn.execute(text("CREATE SEQUENCE loose_ids"))
    return engine


def test_with_ids_given_under_the_lock_a_watermark_skips_nothing(postgres_url: str) -> None:
    engine = _opened(postgres_url)

    def take(conn: Connection) -> int:
        next_id = PostgresStore(TOWN).lock(conn).next_id
        conn.execute(update(t.ledger_head).values(next_id=next_id + 1))
        return next_id

    assert _a_slow_and_a_quick_writer(engine, take) == [1, 2]
    engine.dispose()


def test_with_ids_of_a_sequence_a_watermark_skips_what_commits_late(postgres_url: str) -> None:
    engine = _opened(postgres_url)

    def take(conn: Connection) -> int:
        return int(conn.scalar(text("SELECT nextval('loose_ids')")) or 0)

    assert _a_slow_and_a_quick_writer(engine, take) == [2], "the hazard did not show"
    engine.dispose()
