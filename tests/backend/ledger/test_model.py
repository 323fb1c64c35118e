"""The books against a dictionary: whatever is asked, in whatever order, both say the same."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import URL, Engine

from backend import db
from backend.ledger import accounts, errors
from backend.ledger.poster import Limits
from backend.ledger.resolve import PayClaims, Resolution, SetBudget
from backend.ledger.tables import metadata
from backend.ledger.transfers import Credit, Entry, Group, Hold, Outcome, Posted, Suspend
from backend.ledger.verify import verify
from farz import postgres
from tests.backend.ledger.town import EPOCH, NOW_S, TOWN, Town, done, entry, pay, settled

amounts = st.integers(1, 60)
seqs = st.integers(0, 15)


class Books(RuleBasedStateMachine):
    """Four members, records that repeat, contradict or wait, a budget, payments."""

    open_engine: ClassVar[Callable[[], Iterator[Engine]]]
    members: Bundle[int] = Bundle("members")

    def __init__(self) -> None:
        super().__init__()
        self._opened = contextmanager(type(self).open_engine)()
        engine = self._opened.__enter__()
        self.town = Town(engine, Limits(tail=4, issuer_tail=8))
        self.balance: dict[int, int] = {accounts.SUSPENSE: 0}
        self.first: dict[int, tuple[str, str, int, int]] = {}
        self.waits: dict[int, str] = {}
        self.claims: list[tuple[int, int, int, int]] = []
        self.budget: int | None = None
        self.minted = 0

    @initialize(target=members)
    def first_member(self) -> int:
        return self._member()

    @rule(target=members)
    def member_joins(self) -> int:
        return self._member()

    def _member(self) -> int:
        account_id = self.town.account()
        self.balance[account_id] = 0
        return account_id

    def _ask(self, request: Entry | Group | Resolution | PayClaims) -> object:
        """Every batch first pays the claims that the budget can pay by now."""
        self._pay_claims()
        return settled([self.town.poster.submit(request)])[0]

    def _affords(self, amount: int) -> bool:
        if self.budget is None:
            return True
        return not self.claims and self.minted + amount <= self.budget

    def _mint(self, account_id: int, amount: int) -> None:
        self.minted += amount
        self.balance[account_id] += amount

    @rule(seq=seqs, words=st.sampled_from(["", "", "", "other"]), amount=amounts, who=members,
          wanted=st.sampled_from(["credit", "credit", "suspend", "hold"]))  # fmt: skip
    def record_arrives(self, seq: int, words: str, amount: int, who: int, wanted: str) -> None:
        kinds = {
            "credit": Credit(who, amount),
            "suspend": Suspend(amount),
            "hold": Hold("new_epoch", account_id=who, amount=amount),
        }
        got = self._ask(entry(seq, kinds[wanted], words=words, effective_s=NOW_S - seq))
        assert isinstance(got, Outcome)
        if seq in self.first:
            told, outcome, had, _ = self.first[seq]
            expected = (outcome, had) if told == words else ("quarantined", 0)
            assert (got.outcome, got.amount) == expected
            return
        outcome = {"credit": "credited", "suspend": "suspended", "hold": "held"}[wanted]
        if wanted == "credit" and not self._affords(amount):
            outcome = "queued"
            self.claims.append((NOW_S - seq, seq, who, amount))
        elif wanted == "credit":
            self._mint(who, amount)
        elif wanted == "suspend" and self._affords(amount):
            self._mint(accounts.SUSPENSE, amount)
            self.waits[seq] = "in suspense"
        elif wanted != "credit":
            self.waits[seq] = "unminted"
        self.first[seq] = (words, outcome, amount, who)
        assert (got.outcome, got.amount, got.known) == (outcome, amount, False)

    @rule(seq=seqs, who=members, refuse=st.booleans())
    def person_decides(self, seq: int, who: int, refuse: bool) -> None:
        asked = Resolution(1, EPOCH, seq, None if refuse else who, "seen", "staff:1")
        got = self._ask(asked)
        queued = [claim for claim in self.claims if claim[1] == seq]
        if refuse and queued:
            self.claims.remove(queued[0])
            return
        if seq not in self.waits:
            expected = errors.NotResolvable if seq in self.first else errors.UnknownRecord
            assert isinstance(got, expected)
            return
        assert not isinstance(got, Exception), got
        state, amount = self.waits.pop(seq), self.first[seq][2]
        if state == "in suspense":
            self.balance[accounts.SUSPENSE] -= amount
            if refuse:
                return
            self.balance[who] += amount
        elif not refuse and self._affords(amount):
            self._mint(who, amount)
        elif not refuse:
            self.claims.append((NOW_S - seq, seq, who, amount))

    @rule(payer=members, payee=members, amount=amounts, key=st.sampled_from([None, "k"]))
    def member_pays(self, payer: int, payee: int, amount: int, key: str | None) -> None:
        name = None if key is None else f"{payer}.{payee}.{amount}"
        got = self._ask(pay(payer, payee, amount, name))
        if payer == payee:
            assert isinstance(got, errors.BadGroup)
        elif isinstance(got, Posted):
            if not got.replayed:
                assert self.balance[payer] >= amount
                self.balance[payer] -= amount
                self.balance[payee] += amount
        else:
            assert isinstance(got, errors.InsufficientFunds)
            assert self.balance[payer] < amount

    @rule(more=st.integers(0, 80))
    def council_sets_the_budget(self, more: int) -> None:
        amount = self.minted + more
        done(self.town.poster.submit(SetBudget(NOW_S - 10, NOW_S + 10**6, amount, "council")))
        self.budget = amount
        self._pay_claims()

    @rule()
    def claims_are_paid(self) -> None:
        assert isinstance(self._ask(PayClaims()), int)

    def _pay_claims(self) -> None:
        self.claims.sort()
        while self.claims and self.budget is not None:
            _, _, who, amount = self.claims[0]
            if self.minted + amount > self.budget:
                return
            self._mint(who, amount)
            self.claims.pop(0)

    @rule()
    def backend_restarts(self) -> None:
        self.town.restart()

    @invariant()
    def balances_are_the_models(self) -> None:
        assert {a: self.town.balance(a) for a in self.balance} == self.balance
        assert self.town.balance(accounts.ISSUER) == -sum(self.balance.values())

    def teardown(self) -> None:
        self.town.close()
        with db.read(self.town.engine) as conn:
            report = verify(conn, TOWN)
        self._opened.__exit__(None, None, None)
        assert report.ok, report.problems


def _sqlite() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        engine = db.create_engine(f"sqlite:///{folder}/town.db")
        metadata.create_all(engine)
        yield engine
        engine.dispose()


LIMITS = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    # Shrinking a run against a real database takes minutes; the same run comes back each time.
    phases=(Phase.explicit, Phase.generate),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_sqlite_books_are_a_dictionary() -> None:
    class OnSqlite(Books):
        open_engine = staticmethod(_sqlite)

    run_state_machine_as_test(OnSqlite, settings=LIMITS)


def test_postgresql_books_are_a_dictionary(postgres_server: URL, ledger_template: str) -> None:
    def opened() -> Iterator[Engine]:
        with postgres.database(postgres_server, ledger_template) as url:
            engine = db.create_engine(url)
            yield engine
            engine.dispose()

    class OnPostgresql(Books):
        open_engine = staticmethod(opened)

    run_state_machine_as_test(OnPostgresql, settings=LIMITS)
