"""Kinds of money against a dictionary: rules come and go, and both say the same of each group."""

from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from backend import db
from backend.ledger import balances, errors, notices, rules
from backend.ledger.accounts import CREDIT
from backend.ledger.resolve import Amend
from backend.ledger.rules import AllowCrossing, AllowSpending, NameMerchant, OpenCurrency
from backend.ledger.transfers import Code, Group, Leg
from backend.ledger.verify import verify
from tests.backend.ledger.test_model import LIMITS
from tests.backend.ledger.town import NOW_S, TOWN, Town, settled
from tests.fixtures.databases import Engines

DAY_US = 86_400_000_000
PAY = int(Code.PAY)
# What each kind does, said once more in this test's own words.
LOWEST = {"waste_credit": 0, "restricted_aid": 0, "hours": -9, "mutual_credit": -25}
KINDS = sorted(LOWEST)
PEOPLE = 3
PLACES = ("grocer", "pharmacy")

# Few enough that what was allowed or ended is tried again before long.
PAIRS = (("waste_credit", "mutual_credit"), ("waste_credit", "mutual_credit"),
         ("restricted_aid", "waste_credit"), ("hours", "waste_credit"))  # fmt: skip

kinds = st.sampled_from(KINDS)
people = st.integers(0, PEOPLE - 1)
turns = st.integers(1, PEOPLE - 1)
amounts = st.integers(1, 6)


class Kinds(RuleBasedStateMachine):
    """Three people with four moneys each; a town that keeps changing its mind."""

    opened: ClassVar[Engines]

    def __init__(self) -> None:
        super().__init__()
        self._lent = type(self).opened()
        self.engine = self._lent.__enter__()
        self.town = Town(self.engine)
        self.crossings: set[frozenset[str]] = set()
        self.spend: dict[str, int] = {}
        self.merchants: dict[int, str] = {}
        self.soft: dict[tuple[str, int], tuple[int | None, int | None]] = {}
        self.told: list[tuple[int, str, int]] = []

    @initialize()
    def everybody_joins(self) -> None:
        self.currency = {"waste_credit": CREDIT}
        for kind in KINDS:
            if kind != "waste_credit":
                low = min(LOWEST[kind], 0)
                self.currency[kind] = self._decide(OpenCurrency(kind, 0, kind, "staff:1", low))
        funds = {"waste_credit": 60}
        grocer = 0
        self.account = {
            (kind, who): self.town.account(
                funds.get(kind, 0), low=LOWEST[kind], currency=self.currency[kind]
            )
            for kind in KINDS
            for who in range(PEOPLE)
        }
        self.balance = {key: funds.get(key[0], 0) for key in self.account}
        with db.read(self.engine) as conn:
            money = rules.load(conn, TOWN).money
        self.source = money[self.currency["restricted_aid"]].issuer
        for who in range(PEOPLE):
            self.town_gives_aid_or_takes_it_back(who, 40, back=False)
        self.town_names_a_merchant(grocer, "grocer")
        self.town_decides_where_aid_is_spent("grocer", 3)
        self.town_decides_on_a_crossing(PAIRS[0], allowed=True)
        for who in range(PEOPLE):
            self.soft_limits_are_set("waste_credit", who, 2, 2)

    def _decide(self, asked: Any) -> Any:
        return settled([self.town.poster.submit(asked)])[0]

    def _move(self, key: tuple[str, int], change: int) -> None:
        before = self.balance[key]
        after = self.balance[key] = before + change
        low, high = self.soft.get(key, (None, None))
        if low is not None and before >= low > after:
            self.told.append((self.account[key], "soft_min", after))
        elif high is not None and before <= high < after:
            self.told.append((self.account[key], "soft_max", after))

    @rule(who=people, amount=amounts, back=st.booleans())
    def town_gives_aid_or_takes_it_back(self, who: int, amount: int, back: bool) -> None:
        key = ("restricted_aid", who)
        ends = (self.account[key], self.source) if back else (self.source, self.account[key])
        code = Code.RETIRE if back else Code.ISSUE
        got = self._decide(Group((Leg(*ends, amount, code),), NOW_S))
        if back and self.balance[key] < amount:
            assert isinstance(got, errors.InsufficientFunds)
            return
        assert not isinstance(got, Exception), got
        self._move(key, -amount if back else amount)

    @rule(kind=kinds, payer=people, turn=st.integers(0, PEOPLE - 1), amount=amounts)
    def somebody_pays(self, kind: str, payer: int, turn: int, amount: int) -> None:
        self._book([(kind, payer, (payer + turn) % PEOPLE, amount)])

    @rule(payer=people, amount=amounts)
    def somebody_pays_with_aid(self, payer: int, amount: int) -> None:
        self._book([("restricted_aid", payer, (payer + 1) % PEOPLE, amount)])

    @rule(pair=st.sampled_from(PAIRS), payer=people, turn=turns, amount=amounts, other=amounts)
    def two_moneys_change_hands(
        self, pair: tuple[str, str], payer: int, turn: int, amount: int, other: int
    ) -> None:
        payee = (payer + turn) % PEOPLE
        self._book([(pair[0], payer, payee, amount), (pair[1], payee, payer, other)])

    @rule(asked=st.lists(st.tuples(kinds, people, turns, amounts), min_size=2, max_size=3))
    def anything_at_once(self, asked: list[tuple[str, int, int, int]]) -> None:
        self._book([(kind, who, (who + turn) % PEOPLE, much) for kind, who, turn, much in asked])

    def _book(self, asked: list[tuple[str, int, int, int]]) -> None:
        group = Group(
            tuple(
                Leg(self.account[kind, payer], self.account[kind, payee], amount, Code.PAY)
                for kind, payer, payee, amount in asked
            ),
            NOW_S,
        )
        expected = self._refusal(asked)

        got = self._decide(group)

        if expected is not None:
            assert type(got) is expected, (asked, got)
            return
        assert not isinstance(got, Exception), (asked, got)
        for kind, payer, payee, amount in asked:
            self._move((kind, payer), -amount)
            self._move((kind, payee), amount)

    def _refusal(self, asked: list[tuple[str, int, int, int]]) -> type[Exception] | None:
        if any(payer == payee for _, payer, payee, _ in asked):
            return errors.BadGroup
        used = {kind for kind, *_ in asked}
        if any(frozenset((a, b)) not in self.crossings for a in used for b in used if a != b):
            return errors.IllegalCrossing
        for kind, _, payee, _ in asked:
            until_us = self.spend.get(self.merchants.get(payee, ""), 0) * 1_000_000
            if kind == "restricted_aid" and until_us <= self.town.clock.now_us:
                return errors.NotSpendable
        balance = dict(self.balance)
        for kind, payer, payee, amount in asked:
            balance[kind, payer] -= amount
            balance[kind, payee] += amount
            if balance[kind, payer] < LOWEST[kind]:
                return errors.InsufficientFunds
        return None

    @rule(pair=st.sampled_from(PAIRS), allowed=st.sampled_from([True, True, False]))
    def town_decides_on_a_crossing(self, pair: tuple[str, str], allowed: bool) -> None:
        one, other = pair
        got = self._decide(AllowCrossing((one, PAY), (other, PAY), "staff:1", allowed))
        if allowed and "hours" in (one, other):
            assert isinstance(got, errors.IllegalCrossing)
            return
        assert not isinstance(got, Exception), got
        (self.crossings.add if allowed else self.crossings.discard)(frozenset((one, other)))

    @rule(place=st.sampled_from(PLACES), days=st.sampled_from([0, 1, 9, 9]))
    def town_decides_where_aid_is_spent(self, place: str, days: int) -> None:
        until_s = (self.town.clock.now_us + days * DAY_US) // 1_000_000
        asked = AllowSpending(self.currency["restricted_aid"], place, until_s, "staff:1")
        assert not isinstance(self._decide(asked), Exception)
        self.spend[place] = until_s

    @rule(who=people, place=st.sampled_from(["grocer", *PLACES, ""]))
    def town_names_a_merchant(self, who: int, place: str) -> None:
        asked = NameMerchant(self.account["restricted_aid", who], place, "staff:1")
        assert not isinstance(self._decide(asked), Exception)
        self.merchants[who] = place

    @rule(kind=kinds, who=people, below=st.none() | st.integers(0, 4),
          above=st.none() | st.integers(0, 4))  # fmt: skip
    def soft_limits_are_set(
        self, kind: str, who: int, below: int | None, above: int | None
    ) -> None:
        now = self.balance[kind, who]
        low, high = (
            (None if below is None else now - below),
            (None if above is None else now + above),
        )
        asked = Amend(self.account[kind, who], LOWEST[kind], None, soft_min=low, soft_max=high)
        assert not isinstance(self._decide(asked), Exception)
        self.soft[kind, who] = (low, high)

    @rule()
    def a_day_goes_by(self) -> None:
        self.town.clock.now_us += DAY_US

    @rule()
    def backend_restarts(self) -> None:
        self.town.restart()

    @invariant()
    def both_say_the_same(self) -> None:
        if not hasattr(self, "balance"):
            return
        with db.read(self.engine) as conn:
            has = balances.balances(conn, TOWN, self.account.values())
            found = notices.notices(conn, TOWN, limit=10_000)
        assert {key: has[each].posted for key, each in self.account.items()} == self.balance
        assert sorted((n.account_id, n.crossed, n.balance) for n in found) == sorted(self.told)
        for kind in ("hours", "mutual_credit"):
            assert sum(self.balance[kind, who] for who in range(PEOPLE)) == 0

    def teardown(self) -> None:
        self.town.close()
        with db.read(self.engine) as conn:
            report = verify(conn, TOWN)
        self._lent.__exit__(None, None, None)
        assert report.ok, report.problems


def test_kinds_of_money_are_a_dictionary(engines: Engines) -> None:
    class OnThisEngine(Kinds):
        opened = staticmethod(engines)

    limits = settings(LIMITS, max_examples=15, stateful_step_count=50)
    run_state_machine_as_test(OnThisEngine, settings=limits)
