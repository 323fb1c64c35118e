"""The ledger's words and its pure rules: no input or output, no clock, no database.

A transfer moves an amount from a debit to a credit account; balance = credits - debits.
A `Group` of legs is booked whole or not at all; an `Entry` is a device's truly signed record,
which is booked once for ever whatever its outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from backend.ledger.capacity import Turned, check_room, turn
from backend.ledger.errors import (
    AccountClosed,
    BadAmount,
    BadGroup,
    CurrencyMismatch,
    InsufficientFunds,
    OverMaximum,
    UnknownAccount,
)

# The largest integer that JSON's readers agree on, far below what 64-bit sums can hold.
MAX_AMOUNT = 2**53 - 1
MAX_LEGS = 64
ON_EXPIRY = ("post", "void")
# The longest that money may be reserved: two years.
MAX_HOLD_S = 2 * 366 * 86_400

# The outcomes of a record, as the message contract names them.
CREDITED, HELD, SUSPENDED = "credited", "held", "suspended"
QUEUED, QUARANTINED, NOTED, REFUSED = "queued", "quarantined", "noted", "refused"


class Code(IntEnum):
    """Why a transfer was made."""

    MINT = 1
    CLAIM_SUSPENSE = 2
    RELEASE = 3
    CORRECT = 4
    REDEEM = 5
    RECEIVE_STOCK = 6
    HAND_OVER = 7
    PAY = 8
    # Money that the town itself issues, and that comes back to it.
    ISSUE = 9
    RETIRE = 10
    # What a counter sold while it could not ask: the payer's part, and what the town bears.
    SALE = 11
    SHORTFALL = 12
    # What goes back to its issuer by rule: not spent in time, or the holding charge of a month.
    EXPIRE = 13
    DEMURRAGE = 14


class State(IntEnum):
    """What a transfer does to the books: move at once, reserve, or settle a reservation."""

    SINGLE = 0
    PENDING = 1
    POST = 2
    VOID = 3


@dataclass(frozen=True, slots=True)
class HoldTerms:
    """Reserve only: until `expires_s` (recorded time, Unix), then "post" or "void"."""

    expires_s: int
    on_expiry: str = "void"


@dataclass(frozen=True, slots=True)
class Leg:
    """One movement of a group; with `hold`, a reservation that is settled later."""

    debit: int
    credit: int
    amount: int
    code: Code
    corrects_id: int | None = None
    hold: HoldTerms | None = None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A client's own name for a request; the fingerprint tells a repeat from a reuse."""

    client: str
    key: str
    fingerprint: bytes


class RecordKey(NamedTuple):
    """What names a record for ever (the first three), and the SHA-256 of its signing input."""

    source_id: int
    epoch: int
    seq: int
    hash: bytes

    @property
    def name(self) -> tuple[int, int, int]:
        return self[:3]


@dataclass(frozen=True, slots=True)
class Credit:
    """Mint the amount to the account, if the budget has it."""

    account_id: int
    amount: int


@dataclass(frozen=True, slots=True)
class Suspend:
    """Mint the amount to the suspense account: nobody is known yet who may have it."""

    amount: int
    reason: str = "unknown_card"


@dataclass(frozen=True, slots=True)
class Hold:
    """Mint nothing until a person has decided, or what the programme does at `until_s`."""

    reason: str
    until_s: int | None = None
    account_id: int | None = None
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """Keep the record; no money is in it."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sale:
    """What a counter handed over while it could not ask: the payee is paid in full.

    The payer gives what is available, and an account of the town's the shortfall.
    """

    payer_id: int
    payee_id: int
    amount: int


# What may be wanted of a device's record.
Wanted = Credit | Suspend | Hold | Note


@dataclass(frozen=True, slots=True)
class Entry:
    """A truly signed record with what the programme wants of it.

    `epoch` is the unsigned 64-bit number of the journal. `card_ref` is the card's keyed hash,
    never its UID. `amount_per_kg` is the tariff's rate, kept so that the verifier can compute
    the amount again.
    """

    key: RecordKey
    kind: str
    jws: bytes
    received_s: int
    effective_s: int
    wanted: Wanted | Sale
    attestation_id: int | None = None
    basis: str = "device"
    point_id: int | None = None
    fraction: str | None = None
    net_g: int | None = None
    grade: str | None = None
    tariff_id: int | None = None
    amount_per_kg: int | None = None
    card_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Legs that are booked together, and the caller's rows of the same event.

    Each row is (SQLAlchemy's Table, values); `ledger_id` and `group_id` are added to the values.
    """

    legs: tuple[Leg, ...]
    effective_s: int
    idempotency: Idempotency | None = None
    rows: tuple[tuple[Any, Mapping[str, Any]], ...] = ()


class Outcome(NamedTuple):
    """What became of a record. `balance_after` is known only where a limit made it needed."""

    outcome: str
    reason: str
    amount: int
    balance_after: int | None
    transfer_id: int | None
    known: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """A group in the books. `rows` are the caller's rows as they were written."""

    group_id: int
    transfer_ids: tuple[int, ...]
    recorded_us: int
    replayed: bool
    rows: tuple[dict[str, Any], ...] = ()


class TransferRow(NamedTuple):
    """A row of `transfer`, in the order of its columns."""

    ledger_id: int
    id: int
    debit: int
    credit: int
    amount: int
    code: int
    group_id: int
    state: int
    pending_id: int | None
    corrects_id: int | None
    source_id: int | None
    epoch: int | None
    seq: int | None
    leg: int
    hash: bytes | None
    effective_s: int
    recorded_us: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What is allowed on an account at this moment."""

    currency_id: int
    min_balance: int | None
    max_balance: int | None
    closed: bool
    soft_min: int | None = None
    soft_max: int | None = None


@dataclass(slots=True)
class Purse:
    """A limited account's money while a batch is decided.

    `held` is reserved for others and cannot be spent; `coming` is reserved for this account and
    counts against its maximum.
    """

    posted: int
    held: int = 0
    coming: int = 0


@dataclass(slots=True)
class Purses:
    """Terms of every account in a batch, and the money of the limited ones among them.

    `soft` are those with a soft limit. `turned` is empty unless a batch has a large amount.
    """

    terms: dict[int, Terms] = field(default_factory=dict)
    money: dict[int, Purse] = field(default_factory=dict)
    soft: set[int] = field(default_factory=set)
    turned: dict[int, Turned] = field(default_factory=dict)

    def learn(self, terms: Mapping[int, Terms]) -> None:
        """Takes in terms that were read or changed."""
        self.terms.update(terms)
        for account_id, each in terms.items():
            soft = each.soft_min is not None or each.soft_max is not None
            (self.soft.add if soft else self.soft.discard)(account_id)

    def limited(self, debits: set[int], credits: set[int]) -> set[int]:
        """Whose money must be known: payers with a minimum, payees with a maximum, soft limits."""
        terms = self.terms
        found = {a for a in debits if a in terms and terms[a].min_balance is not None}
        found.update(a for a in credits if a in terms and terms[a].max_balance is not None)
        return found | (self.soft & (debits | credits)) if self.soft else found


def signed64(value: int) -> int:
    """An unsigned 64-bit number as the signed one of the same bits, which databases can hold."""
    return value - (1 << 64) if value >> 63 else value


def unsigned64(value: int) -> int:
    """The number that `signed64` was given."""
    return value & ((1 << 64) - 1)


def credit_for(net_g: int, amount_per_kg: int) -> int:
    """Credits for a weight: minor units, rounded half up, the one rounding rule of the mint."""
    return (net_g * amount_per_kg + 500) // 1000


def check_amount(amount: int) -> None:
    """Raises BadAmount unless `amount` is a whole number that the books can hold."""
    if type(amount) is not int or not 0 < amount <= MAX_AMOUNT:
        raise BadAmount(f"An amount is a whole number from 1 to {MAX_AMOUNT}, not {amount!r}.")


def check_shape(group: Group) -> None:
    """Raises BadGroup or BadAmount for what is wrong whatever the books hold."""
    if not 0 < len(group.legs) <= MAX_LEGS:
        raise BadGroup(f"A group has 1 to {MAX_LEGS} legs, not {len(group.legs)}.")
    for leg in group.legs:
        check_amount(leg.amount)
        if leg.code == Code.MINT:
            raise BadGroup("Credits are minted from signed records alone.")
        if leg.debit == leg.credit:
            raise BadGroup(f"A leg moves money between two accounts, not from {leg.debit} to it.")
        if leg.hold is not None and leg.hold.on_expiry not in ON_EXPIRY:
            raise BadGroup("A hold says what happens when its time runs out: post or void.")


def open_terms(terms: Mapping[int, Terms], account_id: int) -> Terms:
    """The terms of an account that may take part. Raises UnknownAccount or AccountClosed."""
    found = terms.get(account_id)
    if found is None:
        raise UnknownAccount(f"There is no account {account_id} in this ledger.")
    if found.closed:
        raise AccountClosed(f"Account {account_id} is closed.")
    return found


def check_leg(purses: Purses, debit: int, credit: int, amount: int) -> None:
    """Raises the rule that a movement would break at this point of the batch; moves nothing."""
    payer, payee = open_terms(purses.terms, debit), open_terms(purses.terms, credit)
    if payer.currency_id != payee.currency_id:
        raise CurrencyMismatch(f"Accounts {debit} and {credit} hold different currencies.")
    if payer.min_balance is not None:
        purse = purses.money[debit]
        if purse.posted - purse.held - amount < payer.min_balance:
            raise InsufficientFunds(
                f"Account {debit} has {purse.posted - purse.held - payer.min_balance} to spend, "
                f"{amount} were asked for.",
                account_id=debit,
                left=purse.posted - purse.held - payer.min_balance,
                asked=amount,
            )
    if payee.max_balance is not None:
        purse = purses.money[credit]
        if purse.posted + purse.coming + amount > payee.max_balance:
            raise OverMaximum(f"Account {credit} may not hold more than {payee.max_balance}.")
    if purses.turned:
        check_room(purses.turned, debit, credit, amount)


def move(purses: Purses, debit: int, credit: int, amount: int) -> None:
    """Applies a checked movement to the limited accounts that it touches."""
    if debit in purses.money:
        purses.money[debit].posted -= amount
    if credit in purses.money:
        purses.money[credit].posted += amount
    if purses.turned:
        turn(purses.turned, debit, credit, amount)


def reserve(purses: Purses, debit: int, credit: int, amount: int) -> None:
    """Applies a checked hold; a negative amount releases it."""
    if debit in purses.money:
        purses.money[debit].held += amount
    if credit in purses.money:
        purses.money[credit].coming += amount
    if purses.turned:
        turn(purses.turned, debit, credit, amount)


def book_legs(purses: Purses, legs: tuple[Leg, ...]) -> None:
    """Checks and moves the legs in order; after an error no leg has moved."""
    moved: list[Leg] = []
    try:
        for leg in legs:
            check_leg(purses, leg.debit, leg.credit, leg.amount)
            (reserve if leg.hold else move)(purses, leg.debit, leg.credit, leg.amount)
            moved.append(leg)
    except Exception:
        for leg in moved:
            (reserve if leg.hold else move)(purses, leg.debit, leg.credit, -leg.amount)
        raise
