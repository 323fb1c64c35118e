"""Stock is a dictionary: batches, orders, hand-overs and voids against a model, on both engines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backend.access.who import Who
from backend.compost import orders, redeeming, service, voiding
from backend.errors import BackendError
from backend.housekeeping import end_holds
from backend.ledger import balances
from backend.ledger.errors import LedgerError
from backend.ledger.transfers import Code, Leg
from backend.people import service as people
from backend.transfers.service import book
from farz.founding import ripe_compost
from tests.backend import village
from tests.backend.compost.test_orders import is_right
from tests.backend.village import Town

PRICE, FUNDS, WINDOW_S, ORDER_S = 30, 400, 600, 14 * 86_400
PEOPLE = st.sampled_from([0, 1])
GRAMS = st.integers(1, 5_000)
PICK = st.integers(0, 10**6)
REFUSED = (BackendError, LedgerError)


@dataclass
class Asked:
    """An order of the model: `ready` once stock is kept for it."""

    who: int
    grams: int
    expires_s: int
    ready: bool = False

    @property
    def cost(self) -> int:
        return -(-self.grams * PRICE // 1000)


@dataclass
class Model:
    """What there should be: nothing here knows of holds, groups or accounts."""

    stock: int = 0
    money: list[int] = field(default_factory=list)
    open: dict[int, Asked] = field(default_factory=dict)  # in the order of asking
    receipts: dict[str, Asked] = field(default_factory=dict)

    def free(self) -> int:
        return self.stock - sum(each.grams for each in self.open.values() if each.ready)

    def waiting(self) -> int:
        return sum(each.grams for each in self.open.values() if not each.ready)

    def purse(self, who: int) -> int:
        return self.money[who] - sum(a.cost for a in self.open.values() if a.who == who)

    def allot(self) -> None:
        for each in self.open.values():
            if not each.ready:
                if each.grams > self.free():
                    return
                each.ready = True


class Shop(RuleBasedStateMachine):
    """A product and two people of its own an example, in one town."""

    town: Town
    count = 0

    @initialize()
    def open_shop(self) -> None:
        Shop.count += 1
        self.model, self.keys = Model(), 0
        now_s = self.town.clock.now_s
        with self.town.services.begin() as conn:
            made = service.create_product(conn, 1, f"Compost {Shop.count}", now_s=now_s)
            service.set_price(conn, 1, made.id, PRICE, decided_by="staff:1", from_s=now_s)
            self.people = [people.enrol(conn, 1, f"{n} (synthetic)", now_s=now_s) for n in "ab"]
        self.product = made.id
        funder = self.town.amal.account_id
        legs = [Leg(funder, each.account_id, FUNDS, Code.PAY) for each in self.people]
        amal = Who(1, "resident", self.town.amal.id, "Amal (synthetic)", "resident", {})
        reason, key = "to begin with", f"funds.{Shop.count}"
        book(self.town.services, amal, legs, effective_s=None, reason=reason, key=key)
        self.model.money = [FUNDS, FUNDS]

    def key(self) -> str:
        self.keys += 1
        return f"{Shop.count}.{self.keys}"

    @rule(grams=GRAMS)
    def bring(self, grams: int) -> None:
        services = self.town.services
        ripe_compost(services, self.product, grams, by="staff:1", key=self.key())
        orders.allot(services, self.product)
        self.model.stock += grams
        self.model.allot()

    @rule(who=PEOPLE, grams=GRAMS)
    def order(self, who: int, grams: int) -> None:
        asked = Asked(who, grams, self.town.clock.now_s + ORDER_S)
        made = self._try(
            asked.cost <= self.model.purse(who),
            orders.order,
            product_id=self.product,
            person_id=self.people[who].id,
            grams=grams,
            ordered_by="staff:1",
        )
        if made is not None:
            self.model.open[made.id] = asked
            self.model.allot()

    @precondition(lambda self: self.model.open)
    @rule(pick=PICK)
    def hand_over(self, pick: int) -> None:
        number = self._pick(pick)
        asked = self.model.open[number]
        made = self._try(asked.ready, orders.hand_over, number, served_by="staff:1")
        if made is not None:
            del self.model.open[number]
            self._handed_out(asked, made.receipt)

    @precondition(lambda self: self.model.open)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        number = self._pick(pick)
        self._try(True, orders.cancel, number, by="staff:1")
        del self.model.open[number]
        self.model.allot()

    @rule(who=PEOPLE, grams=GRAMS)
    def walk_in(self, who: int, grams: int) -> None:
        asked = Asked(who, grams, 0)
        queue, free = self.model.waiting(), self.model.free()
        fits = grams <= free - queue and asked.cost <= self.model.purse(who)
        made = self._try(
            fits,
            redeeming.redeem,
            product_id=self.product,
            person_id=self.people[who].id,
            grams=grams,
            served_by="staff:1",
        )
        if made is not None:
            self._handed_out(asked, made.receipt)

    @precondition(lambda self: self.model.receipts)
    @rule(pick=PICK)
    def void(self, pick: int) -> None:
        receipt = sorted(self.model.receipts)[pick % len(self.model.receipts)]
        asked = self.model.receipts[receipt]
        in_time = self.town.clock.now_s <= asked.expires_s
        if self._try(in_time, voiding.void, receipt, by="staff:1", reason="wrong"):
            del self.model.receipts[receipt]
            self.model.stock += asked.grams
            self.model.money[asked.who] += asked.cost
            self.model.allot()

    @rule(seconds=st.sampled_from([60, WINDOW_S + 1, ORDER_S + 1]))
    def wait(self, seconds: int) -> None:
        self.town.clock.now_s += seconds
        end_holds(self.town.services)
        orders.allot_all(self.town.services)
        now_s = self.town.clock.now_s
        self.model.open = {n: a for n, a in self.model.open.items() if a.expires_s > now_s}
        self.model.allot()

    @invariant()
    def the_books_say_the_same(self) -> None:
        if not hasattr(self, "product"):
            return
        services, now_s = self.town.services, self.town.clock.now_s
        with services.read() as conn:
            found = service.product(conn, 1, self.product, at_s=now_s)
            known = orders.orders(conn, 1, now_s=now_s, open_only=True)
        mine = {each.id: each.state == orders.READY for each in known}
        assert mine == {number: asked.ready for number, asked in self.model.open.items()}
        assert (found.stock_g, found.waiting_g) == (self.model.free(), self.model.waiting())
        assert [self._available(who) for who in (0, 1)] == [self.model.purse(w) for w in (0, 1)]

    def teardown(self) -> None:
        for number in self.model.open if hasattr(self, "model") else ():
            orders.cancel(self.town.services, number, by="staff:1", key=self.key())

    def _handed_out(self, asked: Asked, receipt: str) -> None:
        asked.expires_s = self.town.clock.now_s + WINDOW_S
        self.model.stock -= asked.grams
        self.model.money[asked.who] -= asked.cost
        self.model.receipts[receipt] = asked

    def _pick(self, pick: int) -> int:
        return sorted(self.model.open)[pick % len(self.model.open)]

    def _try(self, fits: bool, do: Any, *given: Any, **named: Any) -> Any:
        """Do it, and see that it is refused exactly when the model says so."""
        try:
            made = do(self.town.services, *given, **named, key=self.key())
        except REFUSED as error:
            assert not fits, error
            return None
        assert fits, made
        return made

    def _available(self, who: int) -> int:
        with self.town.services.read() as conn:
            return balances.balance(conn, 1, self.people[who].account_id).available


@contextmanager
def furnished(tmp_path: Path, url: str) -> Iterator[Town]:
    with village.town(tmp_path, url) as made:
        for _ in range(20):
            deposit = made.bin.deposit(after_g=60_000, net_g=50_000)
            assert made.outcome(deposit)[0] == "credited"
        yield made


def test_stock_is_a_dictionary(tmp_path: Path, database_url: str) -> None:
    with furnished(tmp_path, database_url) as made:
        Shop.town = made
        run_state_machine_as_test(
            Shop,
            settings=settings(
                max_examples=10,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=True,
            ),
        )
        assert is_right(made)
