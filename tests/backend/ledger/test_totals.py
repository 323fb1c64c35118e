"""Sums of days: the same whether they were rolled or not, and flat as history grows."""

import random

import pytest
from sqlalchemy import Engine, func, select

from backend import db
from backend.ledger import accounts, totals
from backend.ledger import tables as t
from backend.ledger.capacity import MOST
from backend.ledger.poster import Limits
from backend.ledger.transfers import MAX_AMOUNT, Code, Group, Leg
from backend.ledger.verify import verify
from tests.backend.ledger.town import NOW_S, TOWN, Town, pay, settled
from tests.backend.ledger.work import work

DAY_S = 86_400
FIRST = NOW_S // DAY_S


def trade(town: Town, pairs: list[tuple[int, int]], days: int, each: int) -> None:
    dice = random.Random(days)
    for _ in range(days):
        asked = []
        for number in range(each):
            a, b = dice.choice(pairs)
            code = Code.REDEEM if number % 3 == 0 else Code.PAY
            to = accounts.REDEEMED if code == Code.REDEEM else b
            asked.append(town.poster.submit(Group((Leg(a, to, dice.randint(1, 5), code),), NOW_S)))
        assert not [answer for answer in settled(asked) if isinstance(answer, Exception)]
        town.clock.now_us += DAY_S * 1_000_000


def turnover(town: Town, days: int) -> totals.Turnover:
    with db.read(town.engine) as conn:
        return totals.turnover(conn, TOWN, accounts.CREDIT, FIRST, FIRST + days)


def roll(town: Town, limit: int) -> int:
    with db.begin(town.engine) as conn:
        return totals.roll(conn, TOWN, limit)


def test_rolling_changes_no_sum(town: Town) -> None:
    a, b = town.account(1_000), town.account(1_000)
    trade(town, [(a, b), (b, a)], days=4, each=20)
    before = [turnover(town, days) for days in (1, 2, 4, 9)]

    moved = []
    while n := roll(town, 17):
        moved.append(n)
        assert [turnover(town, days) for days in (1, 2, 4, 9)] == before

    assert sum(moved) == 82
    assert max(moved) == 17
    with db.read(town.engine) as conn:
        row = t.transfer.c
        traded = select(func.sum(row.amount)).where(row.code != Code.MINT)
        assert before[3].volume == conn.scalar(traded)
        credit = totals.supply(conn, TOWN)[0]
    assert before[0].transfers == 20
    # At the end of the last quiet day all that is left is outstanding.
    assert turnover(town, 9).average_outstanding >= credit.outstanding


@pytest.mark.parametrize("payers", [1, 3])
def test_a_days_volume_outgrows_no_sum(town: Town, payers: int) -> None:
    """Each account stays within its own counters; the day goes over all of them."""
    most = MOST // MAX_AMOUNT  # transfers of the largest amount that one account can pay
    for _ in range(payers):
        ends = town.account(low=None), town.account()
        asked = [town.poster.submit(pay(*ends, MAX_AMOUNT)) for _ in range(most)]
        assert not [answer for answer in settled(asked) if isinstance(answer, Exception)]
    exact = payers * most * MAX_AMOUNT

    unrolled = turnover(town, 1)
    while roll(town, 600):
        assert turnover(town, 1) == unrolled

    assert unrolled.transfers == payers * most
    assert (exact > 2**63) == (payers == 3)
    assert unrolled.volume == min(exact, MOST)
    with db.read(town.engine) as conn:
        assert verify(conn, TOWN).ok


def test_velocity_is_no_more_work_in_a_longer_history(engine: Engine) -> None:
    town = Town(engine, Limits(tail=16, issuer_tail=64))
    a, b = town.account(10_000), town.account(10_000)

    def asked() -> int:
        while roll(town, 5_000):
            pass
        return work(town.engine, lambda conn: totals.turnover(conn, TOWN, 1, FIRST, FIRST + 3))

    trade(town, [(a, b), (b, a)], days=3, each=60)
    town.restart()
    short = asked()
    trade(town, [(a, b), (b, a)], days=3, each=600)
    town.restart()

    assert asked() <= 1.5 * short + 50 * 64, short
    town.close()
