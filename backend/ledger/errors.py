"""What the ledger refuses, in one place, each with the HTTP status it becomes at the border.

LedgerError
├── Refused                what was asked breaks a rule; asking again changes nothing
│   ├── BadAmount          422
│   ├── BadGroup           422
│   ├── CurrencyMismatch   422
│   ├── KeyReused          422  an idempotency key came back with another request
│   ├── UnknownAccount     404
│   ├── UnknownRecord      404
│   ├── UnknownHold        404
│   ├── UnknownTransfer    404  a correction names a transfer that is none
│   ├── UnknownMoney       404
│   ├── BadRule            422  a rule that no books could follow
│   ├── IllegalCrossing    409  two kinds of money without a rule that lets them meet
│   ├── NotSpendable       409  restricted money where it may not be spent
│   ├── AboveHold          422  more was asked for than the hold reserves
│   ├── BadCorrection      422
│   ├── BadTime            422  a hold without a fit end
│   ├── HoldSettled        409  the hold was settled before, or its time ran out
│   ├── AccountClosed      409
│   ├── InsufficientFunds  409
│   ├── OverMaximum        409
│   ├── TooMuchInAll       409  an account's counters have no room for it
│   ├── NotResolvable      409  the record has its final outcome
│   ├── BudgetOverlap      409
│   └── RowRefused         409  a row of the caller's own breaks a rule of its table
├── LogForked              500  the books contradict what was signed of them
├── LogMissing             500  the row that names the log and holds its salt is gone
└── NotNow                 nothing was booked or it is not known; ask again later
    ├── InProgress         409  the same idempotency key is being worked on
    ├── BooksBusy          503  the queue is full
    ├── BooksClosed        503  the poster is stopping
    ├── BooksUnavailable   503  the database failed; repeating is safe
    └── ClockLeap          503  the machine's clock jumped
"""


class LedgerError(Exception):
    """Base of the room. `status` is HTTP's, `code` a machine's word, `str()` a person's words."""

    status = 500
    code = "ledger_error"


class Refused(LedgerError):
    """What was asked breaks a rule of the books.

    `facts` are the numbers in its words. A refusal that is `sticky` was decided by what the books
    held: under an idempotency key it is kept and answered again, whatever they hold by then.
    """

    status = 409
    code = "refused"
    sticky = True

    def __init__(self, words: str, **facts: int) -> None:
        super().__init__(words)
        self.facts = facts


def restored(code: str, words: str, facts: dict[str, int]) -> Refused:
    """The refusal that was kept under an idempotency key."""
    kinds = [Refused]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    kind = next((kind for kind in kinds if kind.code == code), Refused)
    return kind(words, **facts)


class BadAmount(Refused):
    """An amount that is not a whole number between 1 and the largest one."""

    sticky = False
    status = 422
    code = "bad_amount"


class BadGroup(Refused):
    """A group without legs, with too many, or a leg from an account to itself."""

    sticky = False
    status = 422
    code = "bad_group"


class CurrencyMismatch(Refused):
    """A leg between accounts of two currencies."""

    status = 422
    code = "currency_mismatch"


class KeyReused(Refused):
    """The idempotency key was used before, with another request."""

    sticky = False
    status = 422
    code = "key_reused"


class UnknownAccount(Refused):
    """No such account in this ledger."""

    status = 404
    code = "unknown_account"


class UnknownRecord(Refused):
    """No record by that name in this ledger."""

    status = 404
    code = "unknown_record"


class UnknownHold(Refused):
    """No hold by that number in this ledger."""

    status = 404
    code = "unknown_hold"


class UnknownTransfer(Refused):
    """A correction names a transfer that this ledger does not have."""

    status = 404
    code = "unknown_transfer"


class AboveHold(Refused):
    """A hold can be posted up to its amount."""

    status = 422
    code = "above_hold"


class HoldSettled(Refused):
    """The hold was posted or voided before, or its time ran out."""

    code = "hold_settled"


class BadCorrection(Refused):
    """A correction that is not the reverse of what it corrects, or more than it."""

    status = 422
    code = "bad_correction"


class BadTime(Refused):
    """A hold without a fit end."""

    sticky = False
    status = 422
    code = "bad_time"


class AccountClosed(Refused):
    """The account takes part in no transfer any more."""

    code = "account_closed"


class InsufficientFunds(Refused):
    """The transfer would take an account below its minimum."""

    code = "insufficient_funds"


class OverMaximum(Refused):
    """The transfer would take an account above its maximum."""

    code = "over_maximum"


class TooMuchInAll(Refused):
    """All that ever passed through an account would be more than its counters hold."""

    code = "too_much_in_all"


class UnknownMoney(Refused):
    """No such currency or kind of money in this ledger."""

    status = 404
    code = "unknown_money"


class BadRule(Refused):
    """A rule of money that no books could follow."""

    sticky = False
    status = 422
    code = "bad_rule"


class IllegalCrossing(Refused):
    """A group joins two kinds of money, and no row says that it may."""

    code = "illegal_crossing"


class NotSpendable(Refused):
    """Restricted money was to go where it may not be spent, or its time is over."""

    code = "not_spendable"


class NotResolvable(Refused):
    """The record was settled before, or its outcome waits for nobody."""

    code = "not_resolvable"


class BudgetOverlap(Refused):
    """Two budget periods would share a moment."""

    code = "budget_overlap"


class RowRefused(Refused):
    """A row that a group brought along breaks a rule of its own table."""

    sticky = False
    code = "row_refused"


class LogForked(LedgerError):
    """The books contradict a checkpoint that was signed: a restore, or somebody's hand."""

    code = "log_forked"


class LogMissing(LedgerError):
    """The books have no log: without its salt no leaf can be made again."""

    code = "log_missing"


class NotNow(LedgerError):
    """Not booked, or not known to be booked; the same request may be repeated."""

    status = 503
    code = "not_now"

    def __init__(self, words: str, retry_after_s: int = 1) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


class InProgress(NotNow):
    """The same idempotency key is being worked on at this moment."""

    status = 409
    code = "in_progress"


class BooksBusy(NotNow):
    """The poster's queue is full."""

    code = "books_busy"


class BooksClosed(NotNow):
    """The poster is stopping or has not started."""

    code = "books_closed"


class BooksUnavailable(NotNow):
    """The database failed under the batch; a repeat is safe, since every request has a name."""

    code = "books_unavailable"


class ClockLeap(NotNow):
    """The machine's clock jumped; nothing is recorded until a person has looked at it."""

    code = "clock_leap"
