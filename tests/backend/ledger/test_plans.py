"""A town that opens in a database of others finds its rows by the right index, analyzed or not."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from sqlalchemy import Connection, Engine, func, select

from backend import db
from backend.ledger import accounts, balances, loading
from backend.ledger import tables as t
from backend.ledger.accounts import COMPOST, CREDIT, HANDED_OUT, REDEEMED, STOCK_SOURCE
from backend.ledger.laws import LAWS, Law
from backend.ledger.melt_terms import DAY_S, EXPIRY, Melting
from backend.ledger.melting import Melt
from backend.ledger.poster import Limits
from backend.ledger.rules import AllowSpending, DecideMelting, NameMerchant, OpenCurrency
from backend.ledger.transfers import Code, Credit, Group, Leg, Sale
from backend.ledger.verify import Report, by_sets, check_laws
from backend.ledger.verify_melting import MELT_LAWS
from backend.ledger.verify_rules import RULE_LAWS
from tests.backend.ledger.town import EPOCH, NOW_S, TOWN, Town, done, entry, pay, settled
from tests.backend.ledger.work import rows, rows_of, statistics
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


def live(town: Town, many: int) -> None:
    """All that laws look at with a question for each row: two kinds of money, sales, melting."""
    ask = town.poster.submit
    a, b, stock = town.account(many * 9), town.account(), town.account(currency=COMPOST)
    members = [town.account(owner=f"person:{each}") for each in range(many)]
    aid = done(ask(OpenCurrency("aid", 0, "restricted_aid", "s")))
    needy, grocer = town.account(low=-many, currency=aid), town.account(currency=aid)
    done(ask(AllowSpending(aid, "grocer", NOW_S + 9_999, "s")))
    done(ask(NameMerchant(grocer, "grocer", "s")))
    fill = Leg(STOCK_SOURCE, stock, 2 * many, Code.RECEIVE_STOCK)
    done(ask(Group((fill,), NOW_S)))
    redeems = (Leg(a, REDEEMED, 1, Code.REDEEM), Leg(stock, HANDED_OUT, 2, Code.HAND_OVER))
    asked = [entry(each, Credit(who, 9)) for each, who in enumerate(members)]
    asked += [entry(many + each, Sale(a, b, 1)) for each in range(many)]
    asked += [Group(redeems, NOW_S)] * many + [pay(needy, grocer, 1)] * many
    assert not [each for each in done(town.poster.submit_all(asked)) if isinstance(each, Exception)]
    done(ask(DecideMelting(CREDIT, Melting(EXPIRY, days=1), "two")))
    town.clock.now_us += 3 * DAY_S * 1_000_000
    while done(ask(Melt())) is not None:
        pass
    town.close()


@on_postgresql
def test_a_law_reads_a_town_that_was_never_counted_about_once(engine: Engine) -> None:
    """Else a question for each row is answered by reading all the others.

    Where nothing was ever counted that may be right: so small a table is guessed to be smaller.
    """
    limits = Limits(max_forward_s=9 * DAY_S)
    live(Town(engine, limits, NEIGHBOUR), 60)
    with db.begin(engine) as conn:
        conn.exec_driver_sql("ANALYZE")
    live(Town(engine, limits), 60)
    with db.read(engine) as conn:
        counts = [select(func.count()).where(x.c.ledger_id == TOWN) for x in (t.transfer, t.record)]
        size = sum(conn.scalar(each) or 0 for each in counts)

    read = {
        (state, law.words): n
        for state in statistics(engine)
        for law in (*LAWS, *RULE_LAWS, *MELT_LAWS)
        if state != "none" and (n := _read(engine, law)) > 6 * size
    }
    assert read == {}


def _read(engine: Engine, law: Law) -> int:
    """The rows that the verifier reads for a law."""
    with db.read(engine) as conn, by_sets(conn) if law in LAWS else nullcontext():
        return rows_of(conn, lambda conn: check_laws(conn, TOWN, (law,), Report(TOWN)))
