"""Figures from sums: the same however far they were summed, and flat as history grows."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import Connection, Engine, select

from backend import db
from backend.ledger.poster import Limits
from backend.ledger.tables import KEY, record, resolution
from backend.ledger.transfers import Note
from backend.reports import service, sums, totals
from tests.backend.budgets.test_avoided import Life, forty_deposits, many
from tests.backend.ledger.town import NOW_S, TOWN, Town, entry
from tests.backend.ledger.work import work

DAY_S = sums.DAY_S
# The synthetic deposits lie in NOW_S - 50 to NOW_S + 50, and the days are moved so as to end there.
PERIODS = [(0, None), (NOW_S, None), (0, NOW_S), (NOW_S - 20, NOW_S + 20), (NOW_S, NOW_S)]


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    made = Town(engine)
    yield made
    made.close()


def plain(conn: Connection, since_s: int, until_s: int | None) -> Counter[tuple[object, ...]]:
    """The definition: every record and every last word, one by one."""
    found: Counter[tuple[object, ...]] = Counter()
    said = {tuple(row[:4]): row for row in conn.execute(select(*(resolution.c[k] for k in KEY),
            resolution.c.outcome, resolution.c.amount))}  # fmt: skip
    for row in conn.execute(select(record)):
        if row.effective_s < since_s or (until_s is not None and row.effective_s >= until_s):
            continue
        key = (row.kind, row.outcome)
        place = (row.fraction or "", row.point_id or 0)
        words = [("", row.amount)]
        if last := said.get(tuple(getattr(row, name) for name in KEY)):
            words.append((last.outcome, last.amount))
        for word, amount in words:
            figures = (1, row.net_g or 0, amount)
            for name, figure in zip(("n", "net_g", "amount"), figures, strict=True):
                found[(*key, word, *place, name)] += figure
    return +found


def agreed(town: Town) -> None:
    with db.read(town.engine) as conn:
        for since_s, until_s in PERIODS:
            kept = sums.sums(conn, TOWN, since_s, until_s)
            found = Counter(
                {
                    (*word, name): figure
                    for word, figures in kept.items()
                    for name, figure in zip(("n", "net_g", "amount"), figures, strict=True)
                }
            )
            assert +found == plain(conn, since_s, until_s), (since_s, until_s)


def roll(town: Town, limit: int = sums.PAGE) -> bool:
    with db.begin(town.engine) as conn:
        return sums.roll(conn, TOWN, limit)


@pytest.mark.parametrize("seed", range(2))
def test_what_was_summed_and_what_was_not_are_always_the_whole(
    town: Town, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "DAY_S", 15)  # so that a few deposits have many days
    life, dice = Life(town, seed), random.Random(seed)
    steps: list[Callable[[], object]] = [
        *(life.deposits, life.deposits, life.late, life.resolve, life.resolve, life.budget),
        *(life.correct, life.erase),
        *(lambda limit=limit: roll(town, limit) for limit in (1, 3, 17, 500)),
    ]

    for _ in range(30):
        dice.choice(steps)()
        agreed(town)
    while roll(town, 29):
        agreed(town)

    agreed(town)
    assert roll(town) is False


def test_figures_are_no_more_work_in_a_longer_history(engine: Engine) -> None:
    town = Town(engine, Limits(tail=16, issuer_tail=64))
    member = town.account()
    has = [0]

    def come(count: int) -> None:
        many(town, member, has[0], count)
        has[0] += count

    asks: dict[str, Callable[[Connection], object]] = {
        "streams": lambda conn: service.streams(conn, TOWN),
        "streams of days": lambda conn: service.streams(conn, TOWN, NOW_S - 9 * DAY_S),
        "streams between days": lambda conn: service.streams(
            conn, TOWN, NOW_S - 9 * DAY_S, NOW_S + 9 * DAY_S
        ),
        "outcomes": lambda conn: totals.outcomes(conn, TOWN),
        "health": lambda conn: sums.sums(conn, TOWN),
    }

    def asked() -> dict[str, int]:
        while roll(town, 5_000):
            pass
        come(20)  # what came since the sums were made
        return {name: work(town.engine, ask) for name, ask in asks.items()}

    come(200)
    short = asked()
    come(2_000)
    long = asked()

    with db.read(town.engine) as conn:
        found = service.streams(conn, TOWN)
        assert (found.net_g, totals.outcomes(conn, TOWN)) == (has[0] * 1_000, {"credited": has[0]})
    assert all(long[name] <= 1.2 * short[name] for name in asks), (short, long)
    town.close()


def test_two_that_sum_at_once_sum_nothing_twice(town: Town) -> None:
    forty_deposits(town)

    with ThreadPoolExecutor(1) as other:
        with db.begin(town.engine) as conn:
            assert sums.roll(conn, TOWN, 15)
            second = other.submit(roll, town, 30)
            assert wait([second], timeout=0.3).not_done
        assert second.result(30) is True

    agreed(town)


def test_quarantined_records_are_counted_without_reading_each_again(town: Town) -> None:
    found, took = [], []
    for n in (20, 200):
        name = town.clock() % 2**40
        for words in ("", "others"):
            asked = [entry(name + each, Note(), words=words) for each in range(n)]
            town.poster.submit_all(asked).result()
        with db.read(town.engine) as conn:
            found.append(sums.quarantined(conn, TOWN))
        with db.begin(town.engine) as conn:
            sums.roll_quarantined(conn, TOWN)
        took.append(work(town.engine, lambda conn: found.append(sums.quarantined(conn, TOWN))))

    assert set(found) == {20, 220}
    assert found[0] == 20
    assert took[1] < took[0] + 20
