"""What sorting saved: the same however far it was summed, and flat as history grows."""

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, insert, select

from backend import db
from backend import tables as programme
from backend.budgets import avoided
from backend.budgets.avoided import GRAMS_PER_TONNE, DisposalCost
from backend.budgets.tables import avoided_run
from backend.ledger import erasure
from backend.ledger.poster import Limits
from backend.ledger.resolve import PayClaims, Resolution, SetBudget
from backend.ledger.tables import record, resolution
from backend.ledger.transfers import Code, Credit, Entry, Group, Hold, Leg, Note, Suspend
from backend.reports.service import PAID, decided_late
from backend.vault import Vault
from tests.backend.ledger.town import EPOCH, NOW_S, TOWN, Town, done, entry, settled
from tests.backend.ledger.work import work

FRACTIONS = ("organic", "plastic", "metal")
# Above 2**63 and below: databases keep the former as negative numbers.
JOURNALS = ((1, EPOCH), (1, 5), (2, 5), (9, 2**64 - 1))
VAULT = Vault(bytes(range(32)))
LATEST_S = 2**40


def plain_sum(conn: Connection, costs: Sequence[DisposalCost]) -> int:
    """The definition: every deposit that was taken, each at the cost of its own moment."""
    saved, row = 0, record.c
    for this, later in pairwise([*costs, None]):
        assert this is not None
        same = later is not None and later.fraction == this.fraction
        until_s = later.from_s if later is not None and same else LATEST_S
        net_g: Any = func.coalesce(func.sum(row.net_g), 0)
        mine = (
            row.fraction == this.fraction,
            row.effective_s >= this.from_s,
            row.effective_s < until_s,
        )
        first = select(net_g).where(
            row.ledger_id == TOWN, row.kind == "deposit", row.outcome.in_(PAID), *mine
        )
        late = decided_late(TOWN, net_g).where(resolution.c.outcome.in_(PAID), *mine)
        grams = sum(int(conn.scalar(query) or 0) for query in (first, late))
        saved += grams * this.amount_per_tonne // GRAMS_PER_TONNE
    return saved


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    """An opened ledger with a running poster, on each engine in turn."""
    made = Town(engine)
    yield made
    made.close()


def agreed(town: Town) -> int:
    with db.read(town.engine) as conn:
        costs = avoided.disposal_costs(conn, TOWN)
        found = avoided.avoided(conn, TOWN, costs)
        assert found == plain_sum(conn, costs)
    return found


def roll(town: Town, limit: int = avoided.PAGE) -> bool:
    with db.begin(town.engine) as conn:
        return avoided.roll(conn, TOWN, limit)


def set_cost(town: Town, fraction: str, from_s: int, amount: int) -> None:
    with db.begin(town.engine) as conn:
        avoided.set_disposal_cost(conn, TOWN, DisposalCost(fraction, from_s, amount, "council"))


class Life:
    """A synthetic town where everything happens that may happen to a deposit."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town, self.dice = town, random.Random(seed)
        self.accounts = [town.account(), town.account(high=40)]
        self.next = dict.fromkeys(JOURNALS, 0)
        self.missed: list[tuple[int, int, int]] = []
        self.held: list[tuple[int, int, int]] = []
        self.costs = 0

    def deposit(self, name: tuple[int, int, int]) -> Entry:
        dice, wanted = self.dice, self.dice.choice(["credit", "hold", "suspend", "note", "credit"])
        account_id = dice.choice(self.accounts)
        amount = dice.randint(0, 9)
        kinds = {
            "credit": Credit(account_id, amount),
            "hold": Hold("unstable", account_id=account_id, amount=amount),
            "suspend": Suspend(amount),
            "note": Note(),
        }
        self.held.append(name)
        return entry(
            name[2],
            kinds[wanted],
            source_id=name[0],
            epoch=name[1],
            effective_s=NOW_S + dice.randint(-50, 50),
            fraction=dice.choice(FRACTIONS),
            net_g=dice.randint(0, 900_000),
        )

    def deposits(self) -> None:
        asked = []
        for _ in range(self.dice.randint(1, 12)):
            journal = self.dice.choice(JOURNALS)
            seq, self.next[journal] = self.next[journal], self.next[journal] + 1
            if self.dice.random() < 0.2:
                self.missed.append((*journal, seq))
            else:
                asked.append(self.deposit((*journal, seq)))
        settled([self.town.poster.submit(each) for each in asked])

    def late(self) -> None:
        """What was on its way for long comes, and something comes twice."""
        self.dice.shuffle(self.missed)
        while self.missed and self.dice.random() < 0.7:
            made = self.deposit(self.missed.pop())
            settled([self.town.poster.submit(made) for _ in range(2)])

    def resolve(self) -> None:
        self.dice.shuffle(self.held)
        while self.held and self.dice.random() < 0.8:
            to = self.dice.choice([*self.accounts, None])
            settled([self.town.poster.submit(Resolution(*self.held.pop(), to, "seen", "staff:1"))])

    def cost(self) -> None:
        self.costs += 1
        from_s = NOW_S + self.costs * 7 % 100 - 50
        set_cost(self.town, self.dice.choice(FRACTIONS), from_s, self.dice.randint(0, 10**6))

    def budget(self) -> None:
        budget = SetBudget(NOW_S - 10, NOW_S + 9_999, self.dice.randint(0, 300), "council")
        settled([self.town.poster.submit(budget)])
        settled([self.town.poster.submit(PayClaims())])

    def correct(self) -> None:
        leg = Leg(self.accounts[0], self.accounts[1], 1, Code.PAY)
        settled([self.town.poster.submit(Group((leg,), NOW_S))])

    def erase(self) -> None:
        with db.begin(self.town.engine) as conn:
            erasure.erase_person(conn, TOWN, self.dice.choice(self.accounts), VAULT, NOW_S)

    def sums(self) -> None:
        roll(self.town, self.dice.choice((1, 3, 17, 500)))

    def step(self) -> None:
        self.dice.choice(
            [self.deposits, self.deposits, self.late, self.resolve, self.resolve,
             self.cost, self.budget, self.correct, self.erase, self.sums, self.sums, self.sums]
        )()  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_what_was_summed_and_what_was_not_are_always_the_whole(town: Town, seed: int) -> None:
    life = Life(town, seed)
    set_cost(town, "organic", 0, 123_456)

    for _ in range(40):
        life.step()
        agreed(town)
    while roll(town, 29):
        agreed(town)

    assert agreed(town) > 0
    with db.read(town.engine) as conn:
        assert len(conn.execute(select(avoided_run)).all()) >= len(JOURNALS)
    assert roll(town) is False


def many(town: Town, account_id: int, first: int, count: int) -> None:
    """Deposits of which every tenth waited for its last word."""
    asked = [
        entry(
            seq,
            Hold("unstable", amount=1) if seq % 10 == 0 else Credit(account_id, 1),
            fraction="organic",
            net_g=1_000,
            effective_s=NOW_S + seq,
        )
        for seq in range(first, first + count)
    ]
    for batch in range(0, count, 1_000):
        done(town.poster.submit_all(asked[batch : batch + 1_000]))
    words = [
        town.poster.submit(Resolution(1, EPOCH, seq, account_id, "seen", "staff:1"))
        for seq in range(first, first + count)
        if seq % 10 == 0
    ]
    assert not [answer for answer in settled(words) if isinstance(answer, Exception)]


def test_what_sorting_saved_is_no_more_work_in_a_longer_history(engine: Engine) -> None:
    town = Town(engine, Limits(tail=16, issuer_tail=64))
    member = town.account()
    set_cost(town, "organic", 0, 10**6)
    set_cost(town, "organic", NOW_S + 100, 10**6)

    def asked() -> int:
        while roll(town, 5_000):
            pass
        many(town, member, town_has[0], 20)  # what came since the sums were made
        town_has[0] += 20
        with db.read(town.engine) as conn:
            costs = avoided.disposal_costs(conn, TOWN)
        spent = work(town.engine, lambda conn: avoided.avoided(conn, TOWN, costs))
        assert agreed(town) == town_has[0] * 1_000
        return spent

    town_has = [0]
    many(town, member, 0, 200)
    town_has[0] = 200
    short = asked()
    many(town, member, town_has[0], 3_000)
    town_has[0] += 3_000
    long = asked()

    assert long <= 1.1 * short, (short, long)
    town.close()


def forty_deposits(town: Town) -> None:
    """In a town that has its own row, the one that is locked."""
    row = {"name": "x", "currency": "x", "scale": 2, "languages": "en", "timezone": "UTC"}
    with db.begin(town.engine) as conn:
        founded = insert(programme.town).values(ledger_id=TOWN, revision=0, founded_s=NOW_S, **row)
        conn.execute(founded)
    set_cost(town, "organic", 0, 10**6)
    many(town, town.account(), 0, 40)


def test_two_that_sum_at_once_sum_nothing_twice(town: Town) -> None:
    forty_deposits(town)

    with ThreadPoolExecutor(1) as other:
        with db.begin(town.engine) as conn:
            assert avoided.roll(conn, TOWN, 15)
            second = other.submit(roll, town, 30)
            assert wait([second], timeout=0.3).not_done
        assert second.result(30) is True

    assert agreed(town) == 40_000
    with db.read(town.engine) as conn:
        runs_of = conn.execute(select(avoided_run.c.first_seq, avoided_run.c.last_seq)).all()
    assert [tuple(each) for each in runs_of] == [(0, 39)]


def test_a_new_cost_waits_for_who_sums_under_the_old_ones(town: Town) -> None:
    forty_deposits(town)

    with ThreadPoolExecutor(1) as other:
        with db.begin(town.engine) as conn:
            assert avoided.roll(conn, TOWN)
            decided = other.submit(set_cost, town, "organic", NOW_S + 20, 2 * 10**6)
            assert wait([decided], timeout=0.3).not_done
        decided.result(30)

    assert agreed(town) == 60_000
    while roll(town):
        pass
    assert agreed(town) == 60_000
