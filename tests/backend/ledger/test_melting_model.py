"""Melting against batches of age in plain lists: what lies too long, or above what is free, goes.

The model keeps each account's credit as a list of [moment it came, how much is left of it] and
spends from its front; it knows nothing of sums, cutoffs in ids, runs or batches.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run
from sqlalchemy import Engine

from backend import db
from backend.ledger import balances, melting, totals
from backend.ledger.accounts import CREDIT
from backend.ledger.holds import Settle, Void
from backend.ledger.melt_terms import DEMURRAGE, EXPIRY, NO_MELTING, Melting
from backend.ledger.melting import Melt
from backend.ledger.poster import Limits
from backend.ledger.rules import DecideMelting
from backend.ledger.tables import metadata
from backend.ledger.transfers import Code, Credit, Group, HoldTerms, Leg
from backend.ledger.verify import verify
from tests.backend.ledger.test_model import LIMITS
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay

PEOPLE = 4
DAY = timedelta(days=1)
MIDNIGHT = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
people = st.integers(0, PEOPLE - 1)
amounts = st.integers(1, 400)
RULES = [
    NO_MELTING,
    Melting(EXPIRY, days=1),
    Melting(EXPIRY, days=9),
    Melting(DEMURRAGE, basis_points=137),
    Melting(DEMURRAGE, basis_points=5_000, free_amount=150),
]


class Purse:
    """Credit by age, and what is held of it: the oldest first, like what is spent."""

    def __init__(self) -> None:
        self.lots: list[list[Any]] = []
        self.held = 0
        self.at_month_end: dict[datetime, int] = {}

    @property
    def balance(self) -> int:
        return sum(left for _, left in self.lots)

    def take(self, amount: int) -> None:
        while amount:
            part = min(amount, self.lots[0][1])
            self.lots[0][1] -= part
            amount -= part
            if self.lots[0][1] == 0:
                self.lots.pop(0)

    def older(self, than: datetime) -> int:
        """What came before a moment, without what is held for others."""
        return max(0, sum(left for came, left in self.lots if came < than) - self.held)


class Melts(RuleBasedStateMachine):
    """Four people, a town that changes its rule, a machine that is off at times."""

    engine: ClassVar[Engine]

    def __init__(self) -> None:
        super().__init__()
        metadata.drop_all(self.engine)
        metadata.create_all(self.engine)
        self.town = Town(self.engine, Limits(max_forward_s=400 * 86_400, tail=4, issuer_tail=8))
        melting.BATCH = 3
        self.purses = [Purse() for _ in range(PEOPLE)]
        self.holds: dict[int, tuple[int, int, int]] = {}
        self.rule, self.since = NO_MELTING, self.now
        self.turned = datetime(2000, 1, 1, tzinfo=UTC)
        self.minted = self.melted = 0

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.town.clock.now_us / 1e6, UTC)

    @initialize(which=st.sampled_from(RULES[1:]), funds=st.integers(200, 999))
    def everybody_joins(self, which: Melting, funds: int) -> None:
        self.ids = [self.town.account(owner=f"person:{n}") for n in range(PEOPLE)]
        self.town_decides(which)
        for who in range(PEOPLE):
            self.somebody_earns(who, funds + who)

    @rule(who=people, amount=amounts)
    def somebody_earns(self, who: int, amount: int) -> None:
        self.purses[who].lots.append([self.now, amount])
        self.minted += amount
        self.town.book(entry(next(self.town._seqs), Credit(self.ids[who], amount)))

    @rule(who=people, turn=st.integers(1, PEOPLE - 1), share=st.integers(1, 100))
    def somebody_pays(self, who: int, turn: int, share: int) -> None:
        payer, other = self.purses[who], (who + turn) % PEOPLE
        amount = (payer.balance - payer.held) * share // 100
        if amount:
            done(self.town.poster.submit(pay(self.ids[who], self.ids[other], amount)))
            payer.take(amount)
            self.purses[other].lots.append([self.now, amount])

    @rule(who=people, turn=st.integers(1, PEOPLE - 1), share=st.integers(1, 100))
    def somebody_reserves(self, who: int, turn: int, share: int) -> None:
        purse, other = self.purses[who], (who + turn) % PEOPLE
        amount = (purse.balance - purse.held) * share // 100
        if amount:
            terms = HoldTerms(int(self.now.timestamp()) + 700 * 86_400)
            leg = Leg(self.ids[who], self.ids[other], amount, Code.PAY, hold=terms)
            made = done(self.town.poster.submit(Group((leg,), NOW_S)))
            self.holds[made.transfer_ids[0]] = (who, other, amount)
            purse.held += amount

    @precondition(lambda self: self.holds)
    @rule(which=st.integers(0, 9), void=st.booleans())
    def a_hold_ends(self, which: int, void: bool) -> None:
        number = sorted(self.holds)[which % len(self.holds)]
        who, other, amount = self.holds.pop(number)
        self.purses[who].held -= amount
        if not void:
            self.purses[who].take(amount)
            self.purses[other].lots.append([self.now, amount])
        done(self.town.poster.submit(Void(number) if void else Settle(number)))

    @rule(which=st.sampled_from(RULES))
    def town_decides(self, which: Melting) -> None:
        done(self.town.poster.submit(DecideMelting(CREDIT, which, "staff:1")))
        self.rule, self.since = which, self.now

    @rule(hours=st.sampled_from([5, 24, 72, 24 * 12, 24 * 40, 24 * 70]), looked=st.booleans())
    def time_goes_by(self, hours: int, looked: bool) -> None:
        until = self.now + timedelta(hours=hours)
        month = _month(self.now)
        while (month := month + DAY * monthrange(month.year, month.month)[1]) <= until:
            for purse in self.purses:
                purse.at_month_end[month] = purse.balance
        self.town.clock.now_us += hours * 3_600_000_000
        if looked:
            self.the_machine_looks()

    @rule()
    def the_machine_looks(self) -> None:
        expected = self._expire() if self.rule.way == EXPIRY else self._charge()
        taken = 0
        while (batch := done(self.town.poster.submit(Melt()))) is not None:
            taken += batch.amount
        assert taken == expected
        self.melted += expected

    @rule()
    def backend_restarts(self) -> None:
        self.town.restart()

    def _expire(self) -> int:
        today = self.now.replace(**MIDNIGHT)
        age = timedelta(days=self.rule.days)
        if today <= self.turned or today - age < self.since:
            return 0
        self.turned, taken = today, 0
        for purse in self.purses:
            gone = purse.older(today - age)
            purse.take(gone)
            taken += gone
        return taken

    def _charge(self) -> int:
        taken = 0
        month = _month(self.since)
        month += DAY * monthrange(month.year, month.month)[1]  # the first whole month begins
        while self.rule.way == DEMURRAGE:
            month += DAY * monthrange(month.year, month.month)[1]
            if month > self.now:
                break
            if month <= self.turned:
                continue
            self.turned = month
            for purse in self.purses:
                base = min(purse.at_month_end[month], purse.balance - purse.held)
                gone = max(0, base - self.rule.free_amount) * self.rule.basis_points // 10_000
                purse.take(gone)
                taken += gone
        return taken

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "ids"):
            return
        with db.read(self.engine) as conn:
            has = balances.balances(conn, TOWN, self.ids)
            credit = totals.supply(conn, TOWN)[0]
        assert [(has[each].posted, has[each].held) for each in self.ids] == [
            (purse.balance, purse.held) for purse in self.purses
        ]
        assert (credit.issued, credit.melted) == (self.minted, self.melted)

    def teardown(self) -> None:
        self.town.close()
        melting.BATCH = 256
        with db.read(self.engine) as conn:
            report = verify(conn, TOWN, now_us=self.town.clock.now_us)
        assert report.ok, report.problems


def _month(at: datetime) -> datetime:
    return at.replace(day=1, **MIDNIGHT)


def test_what_melts_is_what_lies_too_long_or_above_what_is_free(engine: Engine) -> None:
    class OnThisEngine(Melts):
        pass

    OnThisEngine.engine = engine
    run(OnThisEngine, settings=settings(LIMITS, max_examples=12, stateful_step_count=30))
