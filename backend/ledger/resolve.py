"""What may be asked of the poster beside entries and groups, and how it is decided.

A `Resolution` is a person's last word on a record that was held, suspended or queued. A budget
says how much may be minted in a period; claims are paid in effective order when funds come.
`Amend` changes an account's terms. All of it runs under the same lock, through the same queue.
"""

from dataclasses import dataclass

from backend.ledger.accounts import CREDIT, ISSUER, SUSPENSE
from backend.ledger.booking import (
    Books,
    ClaimDue,
    RecordName,
    Waiting,
    mint,
    open_claim,
    write_transfer,
)
from backend.ledger.capacity import full
from backend.ledger.errors import (
    BadAmount,
    BadRule,
    BudgetOverlap,
    CurrencyMismatch,
    NotResolvable,
    OverMaximum,
    UnknownAccount,
    UnknownRecord,
)
from backend.ledger.sheet import Budget
from backend.ledger.transfers import (
    CREDITED,
    HELD,
    MAX_AMOUNT,
    QUEUED,
    REFUSED,
    SUSPENDED,
    Code,
    Terms,
    check_amount,
    check_leg,
    move,
    open_terms,
    signed64,
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """Decide a record once: credit it to `account_id`, or refuse it (`account_id` None).

    `amount` None means the record's own; only a held record may be given another one.
    """

    source_id: int
    epoch: int
    seq: int
    account_id: int | None
    reason: str
    decided_by: str
    amount: int | None = None

    @property
    def name(self) -> RecordName:
        return (self.source_id, self.epoch, self.seq)


@dataclass(frozen=True, slots=True)
class Resolved:
    """`outcome` is credited, queued (no budget: the claim is paid later) or refused."""

    outcome: str
    amount: int
    transfer_id: int | None
    recorded_us: int


@dataclass(frozen=True, slots=True)
class SetBudget:
    """From `from_s` to `until_s` (recorded time, Unix), `amount` may be minted in all.

    A period that exists already gets the new amount. Claims are paid at once as far as it goes.
    """

    from_s: int
    until_s: int
    amount: int
    decided_by: str


@dataclass(frozen=True, slots=True)
class PayClaims:
    """Pay what the budget in force can pay: asked for when a new period begins."""


@dataclass(frozen=True, slots=True)
class Amend:
    """New terms of an account: limits (None: no limit) and whether it is closed.

    Soft limits stop nothing; a notice is written when one is crossed.
    """

    account_id: int
    min_balance: int | None
    max_balance: int | None
    closed: bool = False
    soft_min: int | None = None
    soft_max: int | None = None


@dataclass(frozen=True, slots=True)
class Amended:
    """The terms hold from the transfer `from_id` on."""

    account_id: int
    from_id: int


def resolve(books: Books, asked: Resolution) -> Resolved:
    """Decides a waiting record. Raises UnknownRecord, NotResolvable, or a limit's refusal."""
    found = books.waiting.get(asked.name)
    if found is None:
        raise UnknownRecord("There is no record by that name in this ledger.")
    if found.resolved or found.outcome not in (HELD, SUSPENDED, QUEUED):
        raise NotResolvable("This record has its final outcome.")
    if asked.account_id is None:
        return _refuse(books, asked, found)
    if found.claimed:
        raise NotResolvable("This record waits in the queue of claims; the budget will pay it.")
    amount = _amount(asked, found)
    terms = open_terms(books.purses.terms, asked.account_id)
    if terms.currency_id != CREDIT:
        raise CurrencyMismatch(f"Account {asked.account_id} does not hold credits.")
    transfer_id = None
    if found.outcome == SUSPENDED and found.transfer_id is not None:
        check_leg(books.purses, SUSPENSE, asked.account_id, amount)
        move(books.purses, SUSPENSE, asked.account_id, amount)
        transfer_id = write_transfer(
            books, SUSPENSE, asked.account_id, amount, Code.CLAIM_SUSPENSE, found.effective_s,
            name=asked.name, leg=1, record_hash=found.hash,
        )  # fmt: skip
    elif amount > 0:
        check_leg(books.purses, ISSUER, asked.account_id, amount)
        if not books.affords(amount):
            found.claimed = True
            open_claim(
                books, asked.name, asked.account_id, amount, found.effective_s, asked.decided_by
            )
            return Resolved(QUEUED, amount, None, books.clock_us)
        transfer_id = mint(
            books, asked.account_id, amount, found.effective_s, asked.name, found.hash
        )
    found.resolved = True
    _write(books, asked.name, CREDITED, asked.reason, asked.decided_by, asked.account_id,
           amount, transfer_id)  # fmt: skip
    return Resolved(CREDITED, amount, transfer_id, books.clock_us)


def _amount(asked: Resolution, found: Waiting) -> int:
    if asked.amount is None:
        return found.amount
    if asked.amount != found.amount and found.outcome != HELD:
        raise NotResolvable("Only a held record may be credited with another amount.")
    if asked.amount != 0:
        check_amount(asked.amount)
    return asked.amount


def _refuse(books: Books, asked: Resolution, found: Waiting) -> Resolved:
    """Takes back what a suspended record had minted, and ends a claim that waits."""
    transfer_id = None
    if found.outcome == SUSPENDED and found.transfer_id is not None:
        check_leg(books.purses, SUSPENSE, ISSUER, found.amount)
        move(books.purses, SUSPENSE, ISSUER, found.amount)
        transfer_id = write_transfer(
            books, SUSPENSE, ISSUER, found.amount, Code.CORRECT, found.effective_s,
            name=asked.name, leg=1, record_hash=found.hash, corrects_id=found.transfer_id,
        )  # fmt: skip
    if found.claimed:
        _end_claim(books, asked.name, found.effective_s)
    found.resolved = True
    _write(books, asked.name, REFUSED, asked.reason, asked.decided_by, None, 0, transfer_id)
    return Resolved(REFUSED, 0, transfer_id, books.clock_us)


def _write(
    books: Books,
    name: RecordName,
    outcome: str,
    reason: str,
    by: str,
    account_id: int | None,
    amount: int,
    transfer_id: int | None,
) -> None:
    books.sheet.resolutions.append(
        (
            books.ledger_id, name[0], signed64(name[1]), name[2], outcome, reason, by,
            account_id, amount, transfer_id, books.tick(),
        )
    )  # fmt: skip


def _end_claim(books: Books, name: RecordName, effective_s: int) -> None:
    books.sheet.claims_ended.append(
        (books.ledger_id, effective_s, name[0], signed64(name[1]), name[2])
    )


def pay_claims(books: Books) -> int:
    """Pays the loaded claims in effective order until the budget ends; returns how many.

    A claim is paid even to an account that was closed since: the promise is older. One that
    would break its account's maximum, with what is reserved for it, or outgrow the counters, is
    passed over and waits;
    `books.due_passed` if the budget was not what stopped.
    """
    books.due_passed = False
    if books.budget is None:
        return 0
    paid: set[RecordName] = set()
    for claim in books.due:
        if claim.amount > books.budget.left:
            break
        if _has_no_room(books, claim):
            continue
        transfer_id = mint(
            books, claim.account_id, claim.amount, claim.effective_s, claim.name, claim.hash
        )
        _write(books, claim.name, CREDITED, "claim_paid", claim.decided_by, claim.account_id,
               claim.amount, transfer_id)  # fmt: skip
        _end_claim(books, claim.name, claim.effective_s)
        if claim.name in books.waiting:
            books.waiting[claim.name].resolved = True
        paid.add(claim.name)
    else:
        books.claims_wait, books.due_passed = books.due_more, True
    books.due = [claim for claim in books.due if claim.name not in paid]
    return len(paid)


def _has_no_room(books: Books, claim: ClaimDue) -> bool:
    if full(books.purses.turned, ISSUER, claim.account_id, claim.amount) is not None:
        return True
    purse, terms = (
        books.purses.money.get(claim.account_id),
        books.purses.terms[claim.account_id],
    )
    if purse is None or terms.max_balance is None:
        return False
    return purse.posted + purse.coming + claim.amount > terms.max_balance


def set_budget(books: Books, asked: SetBudget) -> int:
    """Writes the period and pays claims from it; returns how many. Raises BudgetOverlap."""
    if asked.amount < 0 or asked.amount > MAX_AMOUNT or asked.from_s >= asked.until_s:
        raise BadAmount("A budget has a period that ends after it begins, and an amount.")
    now_s = books.clock_us // 1_000_000
    if asked.until_s <= now_s:
        raise BudgetOverlap("That period is over.")
    same = None
    for budget in books.budgets:
        if (budget.from_s, budget.until_s) == (asked.from_s, asked.until_s):
            same = budget
        elif budget.from_s < asked.until_s and asked.from_s < budget.until_s:
            raise BudgetOverlap("That period shares days with another budget.")
    if same is None:
        same = Budget(asked.from_s, asked.until_s, asked.amount, books.minted, asked.decided_by)
    else:
        same.amount, same.decided_by = asked.amount, asked.decided_by
    books.budgeted = True
    if asked.from_s <= now_s:
        books.budget = same
    books.sheet.budgets.append(same)
    return pay_claims(books)


def amend(books: Books, asked: Amend, number: int) -> Amended:
    """Writes an account's next terms. Raises UnknownAccount."""
    before = books.purses.terms.get(asked.account_id)
    if before is None:
        raise UnknownAccount(f"There is no account {asked.account_id} in this ledger.")
    low, high = asked.min_balance, asked.max_balance
    if low is not None and high is not None and low > high:
        raise OverMaximum("An account's minimum cannot be above its maximum.")
    soft = (asked.soft_min, asked.soft_max)
    if soft != (None, None) and asked.account_id == ISSUER:
        raise BadRule("What signed records may mint is bounded by a budget, not by a soft limit.")
    if None not in soft and soft[0] > soft[1]:  # type: ignore[operator]
        raise OverMaximum("An account's soft minimum cannot be above its soft maximum.")
    books.sheet.terms.append(
        (books.ledger_id, asked.account_id, number, books.next_id, low, high, *soft,
         asked.closed)
    )  # fmt: skip
    terms = Terms(before.currency_id, low, high, asked.closed, *soft)
    books.purses.learn({asked.account_id: terms})
    books.terms_no += 1
    return Amended(asked.account_id, books.next_id)
