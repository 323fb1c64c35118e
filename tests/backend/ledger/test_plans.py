"""A town that opens in a database of others finds its rows by the right index, analyzed or not."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, Engine

from backend import db
from backend.ledger import accounts, balances, loading
from backend.ledger.transfers import Credit
from tests.backend.ledger.town import EPOCH, TOWN, Town, entry, pay, settled
from tests.backend.ledger.work import rows
from tests.fixtures.databases import on_postgresql

NEIGHBOUR = TOWN + 1
MANY = 200
NAME = (1, EPOCH, 7)
READS: dict[str, Callable[[Connection], object]] = {
    "a record by its name": lambda conn: loading.waiting(conn, TOWN, [NAME]),
    "an account that is never still": lambda conn: balances.statement(conn, TOWN, 11, None, 10),
    "an account that is": lambda conn: balances.statement(conn, TOWN, accounts.SUSPENSE, None, 10),
}


def trade(town: Town) -> None:
    """Deposits and payments between two accounts."""
    a, b = town.account(MANY), town.account(MANY)
    some = [entry(seq, Credit(a, 1)) for seq in range(MANY)]
    some += [pay(*pair, 1) for pair in [(a, b), (b, a)] * (MANY // 2)]
    answers = settled([town.poster.submit(each) for each in some])
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    town.close()


@pytest.fixture
def new_town(engine: Engine) -> Engine:
    """Two towns' books; PostgreSQL knows of the neighbour's rows alone."""
    trade(Town(engine, ledger_id=NEIGHBOUR))
    with db.begin(engine) as conn:
        conn.exec_driver_sql("ANALYZE")
    trade(Town(engine))
    return engine


@on_postgresql
def test_a_town_that_was_never_counted_is_read_by_the_right_index(new_town: Engine) -> None:
    assert {name: n for name, ask in READS.items() if (n := rows(new_town, ask)) > 20} == {}
