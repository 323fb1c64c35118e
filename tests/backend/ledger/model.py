"""The ledger again, as a dictionary: what each request should do, without a database or a clock.

It shares words with the books (requests, errors) and no code. `apply` answers a request by a
tuple, or by the set of rules that it breaks: the books may name any one of them. Ids are
predicted, so that nothing can be booked twice, left out or put in another order unseen.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backend.ledger import errors
from backend.ledger.accounts import CREDIT, ISSUER, SHORTFALL, SUSPENSE
from backend.ledger.holds import ExpireHolds, Settle, Void
from backend.ledger.resolve import Amend, PayClaims, Resolution, SetBudget
from backend.ledger.rules import AllowCrossing, AllowSpending, NameMerchant
from backend.ledger.transfers import Credit, Entry, Group, Hold, Leg, Sale, Suspend

Broken = set[type[Exception]]
Answer = tuple[Any, ...] | Broken
# Refusals that say nothing of what the books held: no key remembers them.
FORGOTTEN = {errors.BadAmount, errors.BadGroup, errors.BadTime, errors.KeyReused}
LARGEST, TWO_YEARS_S = 2**53 - 1, 732 * 86_400


@dataclass
class Account:
    """Balance and terms."""

    currency: int
    low: int | None
    high: int | None
    balance: int = 0
    closed: bool = False
    soft: tuple[int | None, int | None] = (None, None)


class Held(NamedTuple):
    """Money that is reserved."""

    debit: int
    credit: int
    amount: int
    expires_s: int
    on_expiry: str


@dataclass
class Record:
    """A record and what became of it: `state` is final, suspended, unminted or claimed."""

    hash: bytes
    outcome: str
    amount: int
    transfer_id: int | None
    state: str
    effective_s: int


class Claim(NamedTuple):
    """A promise; they sort in the order of payment."""

    effective_s: int
    seq: int
    account: int
    amount: int


@dataclass
class Model:
    """One ledger. `now_s` is recorded time, which the test moves."""

    now_s: int
    accounts: dict[int, Account] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    issuers: dict[int, int] = field(default_factory=dict)
    restricted: set[int] = field(default_factory=set)
    convertible: set[str] = field(default_factory=set)
    crossings: set[frozenset[tuple[str, int]]] = field(default_factory=set)
    spend: dict[tuple[int, str], int] = field(default_factory=dict)
    merchants: dict[int, str] = field(default_factory=dict)
    transfers: list[tuple[int, int, int]] = field(default_factory=list)
    notices: list[tuple[int, int, str, int, int]] = field(default_factory=list)
    holds: dict[int, Held] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    left: dict[int, int] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    blocked: bool = False
    budget: int | None = None
    minted: int = 0
    keys: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)

    def held(self, account_id: int) -> int:
        """What an account has reserved for others."""
        return sum(hold.amount for hold in self.holds.values() if hold.debit == account_id)

    def coming(self, account_id: int) -> int:
        """What others have reserved for it."""
        return sum(hold.amount for hold in self.holds.values() if hold.credit == account_id)

    def batch(self, requests: Sequence[Any]) -> list[Answer]:
        """Requests in one transaction: it pays first what the budget can pay by now."""
        self.pay_claims()
        return [self.apply(request) for request in requests]

    def apply(self, asked: Any) -> Answer:
        """What a request does, whatever it was answered when its key was first heard."""
        match asked:
            case Group() | Settle() | Void():
                return self._by_key(asked)
            case Entry():
                return self._record(asked)
            case Resolution():
                return self._decide(asked)
            case ExpireHolds():
                due = sorted(i for i, hold in self.holds.items() if hold.expires_s <= self.now_s)
                for number in due:
                    hold = self.holds[number]
                    self._end(number, hold.amount if hold.on_expiry == "post" else None)
                return (len(due),)
            case Amend():
                account = self.accounts[asked.account_id]
                account.low, account.high = asked.min_balance, asked.max_balance
                account.closed, account.soft = asked.closed, (asked.soft_min, asked.soft_max)
                return (asked.account_id, len(self.transfers) + 1)
            case SetBudget():
                self.budget = asked.amount
                return (self.pay_claims(),)
            case PayClaims():
                return (None,)
            case _:
                return self._rule(asked)

    def refused(self, asked: Any, as_what: type[Exception]) -> None:
        """Which of the broken rules the books named: a key remembers that one."""
        name = getattr(asked, "idempotency", None)
        if name is not None and as_what not in FORGOTTEN and name.key not in self.keys:
            self.keys[name.key] = (name.fingerprint, {as_what})

    def _rule(self, asked: Any) -> Answer:
        match asked:
            case AllowCrossing(one, other, _, allowed):
                if allowed and not {one[0], other[0]} <= self.convertible:
                    return {errors.IllegalCrossing}
                pair = frozenset((one, other))
                (self.crossings.add if allowed else self.crossings.discard)(pair)
            case AllowSpending(currency, merchant, until_s):
                self.spend[currency, merchant] = until_s
            case NameMerchant(account_id, kind):
                self.merchants[account_id] = kind
        return (None,)

    def _by_key(self, asked: Group | Settle | Void) -> Answer:
        name = asked.idempotency
        known = self.keys.get(name.key) if name else None
        if name and known:
            if known[0] == name.fingerprint:
                return known[1]
            legs = asked.legs if isinstance(asked, Group) else ()
            shape = {error for leg in legs for error in self._shape(leg)}
            return {errors.KeyReused} | (shape & {errors.BadAmount, errors.BadGroup})
        answer = self._group(asked) if isinstance(asked, Group) else self._settle(asked)
        if name and not isinstance(answer, set):
            self.keys[name.key] = (name.fingerprint, answer)
        return answer

    def _group(self, group: Group) -> Answer:
        broken = {error for leg in group.legs for error in self._shape(leg)}
        broken |= set(self._crossed(group.legs))
        before = copy.deepcopy((self.accounts, self.holds, self.left, self.transfers, self.notices))
        ids = []
        for leg in group.legs:
            if broken := broken | self.breaks(leg.debit, leg.credit, leg.amount):
                self.accounts, self.holds, self.left, self.transfers, self.notices = before
                return broken
            if leg.hold is None:
                ids.append(self._move(leg.debit, leg.credit, leg.amount))
            else:
                terms = leg.hold
                self.transfers.append((leg.debit, leg.credit, leg.amount))
                ids.append(len(self.transfers))
                self.holds[ids[-1]] = Held(leg.debit, leg.credit, leg.amount, terms.expires_s,
                                           terms.on_expiry)  # fmt: skip
            if leg.corrects_id is not None:
                self.left[leg.corrects_id] -= leg.amount
        return tuple(ids)

    def _shape(self, leg: Leg) -> Iterator[type[Exception]]:
        """What is wrong with a leg, whatever money there is."""
        if not 0 < leg.amount <= LARGEST:
            yield errors.BadAmount
        if leg.debit in (leg.credit, ISSUER, SHORTFALL):
            yield errors.BadGroup
        if leg.hold and not 0 < leg.hold.expires_s - self.now_s <= TWO_YEARS_S:
            yield errors.BadTime
        if leg.corrects_id is not None and leg.corrects_id not in self.left:
            yield errors.UnknownTransfer
        elif leg.corrects_id is not None:
            debit, credit, _ = self.transfers[leg.corrects_id - 1]
            if (leg.debit, leg.credit) != (credit, debit) or leg.amount > self.left[
                leg.corrects_id
            ]:
                yield errors.BadCorrection

    def _crossed(self, legs: Sequence[Leg]) -> Iterator[type[Exception]]:
        """What the town's rules say of kinds of money that meet, and of where one may go."""
        moves = [(self.accounts[leg.debit].currency, leg) for leg in legs
                 if leg.corrects_id is None and leg.debit in self.accounts]  # fmt: skip
        for one, a in moves:
            for other, b in moves:
                pair = frozenset(((self.kinds[one], int(a.code)), (self.kinds[other], int(b.code))))
                if one != other and pair not in self.crossings:
                    yield errors.IllegalCrossing
            where = (one, self.merchants.get(a.credit, ""))
            freely = one not in self.restricted or self.issuers[one] in (a.debit, a.credit)
            if not freely and self.spend.get(where, 0) <= self.now_s:
                yield errors.NotSpendable

    def breaks(self, debit: int, credit: int, amount: int) -> Broken:
        """The rules of two accounts that a movement would break now."""
        if not {debit, credit} <= self.accounts.keys():
            return {errors.UnknownAccount}
        payer, payee = self.accounts[debit], self.accounts[credit]
        broken: Broken = set()
        if payer.closed or payee.closed:
            broken.add(errors.AccountClosed)
        if payer.currency != payee.currency:
            broken.add(errors.CurrencyMismatch)
        if payer.low is not None and payer.balance - self.held(debit) - amount < payer.low:
            broken.add(errors.InsufficientFunds)
        if payee.high is not None and payee.balance + self.coming(credit) + amount > payee.high:
            broken.add(errors.OverMaximum)
        return broken

    def _move(self, debit: int, credit: int, amount: int) -> int:
        self.transfers.append((debit, credit, amount))
        number = len(self.transfers)
        self.left[number] = amount
        for account_id, change in ((debit, -amount), (credit, amount)):
            account = self.accounts[account_id]
            low, high = account.soft
            before, account.balance = account.balance, account.balance + change
            if low is not None and before >= low > account.balance:
                self.notices.append((number, account_id, "soft_min", low, account.balance))
            elif high is not None and before <= high < account.balance:
                self.notices.append((number, account_id, "soft_max", high, account.balance))
        return number

    def _settle(self, asked: Settle | Void) -> Answer:
        hold = self.holds.get(asked.hold_id)
        if hold is None:
            settled = asked.hold_id in self.settled
            return {errors.HoldSettled if settled else errors.UnknownHold}
        if hold.expires_s <= self.now_s:
            return {errors.HoldSettled}
        if isinstance(asked, Void):
            return (self._end(asked.hold_id, None),)
        amount = hold.amount if asked.amount is None else asked.amount
        if amount <= 0:
            return {errors.BadAmount}
        if amount > hold.amount:
            return {errors.AboveHold}
        return (self._end(asked.hold_id, amount),)

    def _end(self, number: int, amount: int | None) -> int:
        """Nothing moves without an `amount`; the row is written all the same."""
        hold = self.holds.pop(number)
        self.settled.add(number)
        if amount is not None:
            return self._move(hold.debit, hold.credit, amount)
        self.transfers.append((hold.debit, hold.credit, hold.amount))
        return len(self.transfers)

    def _affords(self, amount: int) -> bool:
        if self.budget is None:
            return True
        return not self.blocked and self.minted + amount <= self.budget

    def _mint(self, account_id: int, amount: int) -> int:
        self.minted += amount
        return self._move(ISSUER, account_id, amount)

    def pay_claims(self) -> int:
        """In order, until the budget ends; one whose account is full lets the others pass."""
        paid = 0
        self.blocked = self.budget is None and bool(self.claims)
        for claim in sorted(self.claims) if self.budget is not None else []:
            account = self.accounts[claim.account]
            if self.minted + claim.amount > (self.budget or 0):
                self.blocked = True
                break
            after = account.balance + self.coming(claim.account) + claim.amount
            if account.high is not None and after > account.high:
                continue
            self._mint(claim.account, claim.amount)
            self.claims.remove(claim)
            self.records[claim.seq].state = "final"
            paid += 1
        return paid

    def _record(self, entry: Entry) -> Answer:
        """(outcome, amount, transfer or None, known)."""
        seq, wanted = entry.key.seq, entry.wanted
        known = self.records.get(seq)
        if known is not None:
            if known.hash != entry.key.hash:
                return ("quarantined", 0, None)
            return (known.outcome, known.amount, known.transfer_id)
        if isinstance(wanted, Sale):
            return self._sale(entry, wanted)
        assert isinstance(wanted, Credit | Suspend | Hold)
        outcome, state, number = "held", "unminted", None
        if isinstance(wanted, Credit):
            account = self.accounts.get(wanted.account_id)
            if account is None or account.closed or account.currency != CREDIT:
                wanted = Suspend(wanted.amount)
            elif wanted.amount == 0:
                outcome, state = "credited", "final"
            elif not self.breaks(ISSUER, wanted.account_id, wanted.amount):
                outcome, state = "credited", "final"
                if self._affords(wanted.amount):
                    number = self._mint(wanted.account_id, wanted.amount)
                else:
                    outcome, state = "queued", "claimed"
                    self._promise(entry.effective_s, seq, wanted.account_id, wanted.amount)
        if isinstance(wanted, Suspend):
            outcome = "suspended"
            if wanted.amount and self._affords(wanted.amount):
                number, state = self._mint(SUSPENSE, wanted.amount), "suspended"
        made = Record(entry.key.hash, outcome, wanted.amount, number, state, entry.effective_s)
        self.records[seq] = made
        return (outcome, wanted.amount, number)

    def _sale(self, entry: Entry, sale: Sale) -> Answer:
        """Paid by whoever buys as far as it goes, the rest by the shortfall account."""
        if sale.payer_id == sale.payee_id:
            return {errors.BadGroup}
        if broken := self.breaks(SHORTFALL, sale.payee_id, sale.amount):
            return broken
        payer, can = self.accounts.get(sale.payer_id), 0
        if payer is not None and not payer.closed and payer.currency == CREDIT:
            left = payer.balance - self.held(sale.payer_id) - (payer.low or 0)
            can = sale.amount if payer.low is None else max(0, min(left, sale.amount))
        for payer_id, amount in ((sale.payer_id, can), (SHORTFALL, sale.amount - can)):
            if amount:
                self._move(payer_id, sale.payee_id, amount)
        self.records[entry.key.seq] = Record(
            entry.key.hash, "noted", sale.amount, None, "final", entry.effective_s
        )
        return ("noted", sale.amount, None)

    def _promise(self, effective_s: int, seq: int, account_id: int, amount: int) -> None:
        self.blocked = True
        self.claims.append(Claim(effective_s, seq, account_id, amount))

    def _decide(self, asked: Resolution) -> Answer:
        """(outcome, amount, transfer or None)."""
        found, who = self.records.get(asked.seq), asked.account_id
        if found is None:
            return {errors.UnknownRecord}
        if found.state == "final" or (found.state == "claimed" and who is not None):
            return {errors.NotResolvable}
        number = None
        if who is None:
            if found.state == "suspended":
                number = self._move(SUSPENSE, ISSUER, found.amount)
            self.claims = [claim for claim in self.claims if claim.seq != asked.seq]
            found.state = "final"
            return ("refused", 0, number)
        payer = SUSPENSE if found.state == "suspended" else ISSUER
        broken = self.breaks(payer, who, found.amount)
        if not found.amount:  # nothing moves, so that no limit is met
            broken -= {errors.InsufficientFunds, errors.OverMaximum}
        if broken:
            return broken
        if payer == SUSPENSE:
            number = self._move(SUSPENSE, who, found.amount)
        elif found.amount and not self._affords(found.amount):
            found.state = "claimed"
            self._promise(found.effective_s, asked.seq, who, found.amount)
            return ("queued", found.amount, None)
        elif found.amount:
            number = self._mint(who, found.amount)
        found.state = "final"
        return ("credited", found.amount, number)
