"""Deciding a batch, in plain Python: what the books hold goes in, the rows to write come out.

`Books` is what was loaded under the lock, kept current while the batch is decided in order.
`Sheet` collects the rows. A request that is refused has changed neither, so that it cannot
spoil its neighbours.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from backend.ledger.accounts import CREDIT, ISSUER, SHORTFALL, SUSPENSE
from backend.ledger.capacity import full
from backend.ledger.corrections import Left, correct
from backend.ledger.errors import BadGroup, BadTime, LedgerError
from backend.ledger.repeats import Replay, remember, replayed
from backend.ledger.rules import Rules, check
from backend.ledger.sales import SHORT, parts
from backend.ledger.sheet import Budget, Sheet
from backend.ledger.transfers import (
    CREDITED,
    HELD,
    MAX_HOLD_S,
    NOTED,
    QUARANTINED,
    QUEUED,
    SUSPENDED,
    Code,
    Credit,
    Entry,
    Group,
    Hold,
    HoldTerms,
    Note,
    Outcome,
    Posted,
    Purses,
    Sale,
    State,
    Suspend,
    TransferRow,
    book_legs,
    check_amount,
    check_leg,
    check_shape,
    move,
    signed64,
)

if TYPE_CHECKING:
    from backend.ledger.holds import OpenHold
    from backend.ledger.melting import MeltBatch

RecordName = tuple[int, int, int]
_NO_NAME: tuple[None, None, None] = (None, None, None)
# Accounts without a limit, which no group may debit, and why.
RESERVED = {
    ISSUER: "Credits are minted from signed records alone.",
    SHORTFALL: "The shortfall account pays for sales that were made offline alone.",
}


class Known(NamedTuple):
    """A record that the books hold already."""

    hash: bytes
    outcome: Outcome


class ClaimDue(NamedTuple):
    """A claim that waits, in the order of payment."""

    effective_s: int
    source_id: int
    epoch: int
    seq: int
    account_id: int
    amount: int
    decided_by: str
    hash: bytes

    @property
    def name(self) -> RecordName:
        return (self.source_id, self.epoch, self.seq)


@dataclass(slots=True)
class Waiting:
    """A record that somebody wants resolved, as the books hold it."""

    hash: bytes
    outcome: str
    amount: int
    transfer_id: int | None
    effective_s: int
    claimed: bool
    resolved: bool


@dataclass(slots=True)
class Books:
    """A ledger under its lock. `clock_us` is the recorded time of the last thing booked."""

    ledger_id: int
    next_id: int
    clock_us: int
    terms_no: int
    budgeted: bool = False
    budget: Budget | None = None
    budgets: list[Budget] = field(default_factory=list)
    due: list[ClaimDue] = field(default_factory=list)
    corrected: dict[int, Left] = field(default_factory=dict)
    due_more: bool = False
    due_passed: bool = False
    claims_wait: bool = False
    minted: int = 0
    paid: int = 0
    purses: Purses = field(default_factory=Purses)
    known: dict[RecordName, Known] = field(default_factory=dict)
    quarantined: set[tuple[RecordName, bytes]] = field(default_factory=set)
    replays: dict[tuple[str, str], Replay] = field(default_factory=dict)
    waiting: dict[RecordName, Waiting] = field(default_factory=dict)
    holds: "dict[int, OpenHold]" = field(default_factory=dict)
    melting: "MeltBatch | None" = None
    rules: Rules = field(default_factory=Rules)
    rules_changed: bool = False
    sheet: Sheet = field(default_factory=Sheet)

    def tick(self) -> int:
        """The next moment of recorded time: strictly later than the last."""
        self.clock_us += 1
        return self.clock_us

    def affords(self, amount: int) -> bool:
        """Whether the budget lets `amount` be minted now. Nobody overtakes a claim that waits."""
        if not self.budgeted:
            return True
        return not self.claims_wait and self.budget is not None and amount <= self.budget.left


def book_group(books: Books, group: Group) -> Posted:
    """Books all legs and rows of a group, or raises a Refused and books none."""
    check_shape(group)
    posted = replayed(books, group.idempotency, Posted)
    if posted is not None:
        return posted
    left: dict[int, Left] = {}
    for leg in group.legs:
        if leg.debit in RESERVED:
            raise BadGroup(RESERVED[leg.debit])
        if leg.hold is not None:
            _check_hold(books, leg.hold)
        if leg.corrects_id is not None:
            correct(left, books.corrected, leg)
    if len(group.legs) > 1 or books.rules.restricted:
        check(books, group)
    book_legs(books.purses, group.legs)
    books.corrected.update(left)
    group_id, recorded_us = books.next_id, books.clock_us + 1
    ids = tuple(
        write_transfer(
            books, leg.debit, leg.credit, leg.amount, leg.code, group.effective_s,
            group_id=group_id, corrects_id=leg.corrects_id,
            state=State.PENDING if leg.hold else State.SINGLE,
        )
        for leg in group.legs
    )  # fmt: skip
    _open_holds(books, group, ids)
    named = {"ledger_id": books.ledger_id, "group_id": group_id}
    rows = tuple((table, {**values, **named}) for table, values in group.rows)
    books.sheet.rows.extend(rows)
    posted = Posted(group_id, ids, recorded_us, False, tuple(values for _, values in rows))
    remember(books, group.idempotency, posted)
    return posted


def _check_hold(books: Books, terms: HoldTerms) -> None:
    ahead_s = terms.expires_s - books.clock_us // 1_000_000
    if not 0 < ahead_s <= MAX_HOLD_S:
        raise BadTime(
            "A hold ends in the future, within two years; "
            f"this one would end {'in' if ahead_s > 0 else 'before'} {abs(ahead_s)} s."
        )


def _open_holds(books: Books, group: Group, ids: tuple[int, ...]) -> None:
    """Notes the terms of the group's holds, for ever, and that they wait."""
    for leg, transfer_id in zip(group.legs, ids, strict=True):
        if leg.hold is None:
            continue
        terms = (books.ledger_id, transfer_id, leg.hold.expires_s, leg.hold.on_expiry)
        books.sheet.hold_terms.append(terms)
        books.sheet.holds_opened.append(
            (books.ledger_id, transfer_id, leg.debit, leg.credit, leg.amount,
             leg.hold.expires_s, leg.hold.on_expiry)
        )  # fmt: skip


def write_transfer(
    books: Books,
    debit: int,
    credit: int,
    amount: int,
    code: int,
    effective_s: int,
    *,
    group_id: int | None = None,
    corrects_id: int | None = None,
    name: RecordName | None = None,
    leg: int = 0,
    record_hash: bytes | None = None,
    state: State = State.SINGLE,
    pending_id: int | None = None,
) -> int:
    """Puts a checked transfer on the sheet and returns its id, the next dense one."""
    transfer_id = books.next_id
    books.next_id += 1
    books.clock_us += 1
    source_id, epoch, seq = (name[0], signed64(name[1]), name[2]) if name else _NO_NAME
    row = (
        books.ledger_id, transfer_id, debit, credit, amount, int(code),
        group_id or transfer_id, int(state), pending_id, corrects_id, source_id, epoch, seq, leg,
        record_hash,
        effective_s, books.clock_us,
    )  # fmt: skip
    books.sheet.transfers.append(TransferRow._make(row))
    return transfer_id


def mint(
    books: Books,
    credit: int,
    amount: int,
    effective_s: int,
    name: RecordName,
    record_hash: bytes,
) -> int:
    """Mints a checked amount for a record, and charges the budget in force."""
    move(books.purses, ISSUER, credit, amount)
    if books.budget is not None:
        books.budget.spent += amount
    return write_transfer(
        books, ISSUER, credit, amount, Code.MINT, effective_s, name=name, record_hash=record_hash
    )


def open_claim(
    books: Books, name: RecordName, account_id: int, amount: int, effective_s: int, by: str
) -> None:
    """Weighed waste without budget: a dated promise that waits its turn."""
    source_id, epoch, seq = name[0], signed64(name[1]), name[2]
    books.claims_wait = True
    books.sheet.claims.append(
        (books.ledger_id, source_id, epoch, seq, account_id, amount, effective_s, by, books.tick())
    )
    books.sheet.claims_opened.append((books.ledger_id, effective_s, source_id, epoch, seq))


def book_entry(books: Books, entry: Entry) -> Outcome:
    """Books a record once for ever and answers known bytes with the outcome that they had.

    Raises BadAmount for an amount that no books could hold; nothing is recorded then.
    """
    key = entry.key
    name = key[:3]
    known = books.known.get(name)
    if known is not None:
        if known.hash == key.hash:
            return known.outcome._replace(known=True)
        return _quarantine(books, entry)
    wanted = entry.wanted
    if not isinstance(wanted, Note) and wanted.amount != 0:
        check_amount(wanted.amount)
    account_id: int | None = None
    match wanted:
        case Credit():
            outcome, account_id = _credit(books, entry, name, wanted)
        case Suspend():
            outcome = _suspend(books, entry, wanted)
        case Hold():
            outcome, account_id = _held(wanted.reason, wanted.amount), wanted.account_id
        case Note():
            outcome = Outcome(NOTED, wanted.reason, 0, None, None, False)
        case Sale():
            outcome, account_id = _sell(books, entry, wanted), wanted.payer_id
    _write_record(books, entry, outcome, account_id)
    books.known[name] = Known(key.hash, outcome)
    return outcome


def _credit(
    books: Books, entry: Entry, name: RecordName, wanted: Credit
) -> tuple[Outcome, int | None]:
    """Business never refuses weighed waste: what the account cannot take is kept elsewhere."""
    amount, account_id = wanted.amount, wanted.account_id
    terms = books.purses.terms.get(account_id)
    if terms is None or terms.closed or terms.currency_id != CREDIT:
        reason = "account_closed" if terms is not None and terms.closed else "unknown_account"
        return _suspend(books, entry, Suspend(amount, reason)), None
    if amount == 0:
        return Outcome(CREDITED, "", 0, None, None, False), account_id
    try:
        check_leg(books.purses, ISSUER, account_id, amount)
    except LedgerError as error:
        return _held(error.code, amount), account_id
    if not books.affords(amount):
        open_claim(books, name, account_id, amount, entry.effective_s, "budget")
        return Outcome(QUEUED, "no_budget", amount, None, None, False), account_id
    transfer_id = mint(books, account_id, amount, entry.effective_s, name, entry.key.hash)
    purse = books.purses.money.get(account_id)
    balance = None if purse is None else purse.posted
    return Outcome(CREDITED, "", amount, balance, transfer_id, False), account_id


def _suspend(books: Books, entry: Entry, wanted: Suspend) -> Outcome:
    """Without budget nothing is minted yet; the budget is asked again when it is resolved."""
    key, transfer_id, amount = entry.key, None, wanted.amount
    room = full(books.purses.turned, ISSUER, SUSPENSE, amount) is None
    if amount > 0 and room and books.affords(amount):
        transfer_id = mint(books, SUSPENSE, wanted.amount, entry.effective_s, key[:3], key.hash)
    return Outcome(SUSPENDED, wanted.reason, wanted.amount, None, transfer_id, False)


def _sell(books: Books, entry: Entry, sale: Sale) -> Outcome:
    """Both parts of a sale, the payer's and the town's, as one group."""
    key, group_id, taken = entry.key, books.next_id, parts(books.purses, sale)
    for leg, part in enumerate(taken):
        move(books.purses, part.debit, sale.payee_id, part.amount)
        write_transfer(
            books, part.debit, sale.payee_id, part.amount, part.code, entry.effective_s,
            group_id=group_id, name=key[:3], leg=leg, record_hash=key.hash,
        )  # fmt: skip
    reason = SHORT if taken[-1].code == Code.SHORTFALL else ""
    return Outcome(NOTED, reason, sale.amount, None, None, False)


def _held(reason: str, amount: int) -> Outcome:
    return Outcome(HELD, reason, amount, None, None, False)


def _quarantine(books: Books, entry: Entry) -> Outcome:
    """Other truly signed bytes under a taken name: kept, alarmed by the caller, never paid."""
    key = entry.key
    seen = (key[:3], key.hash) in books.quarantined
    if not seen:
        books.quarantined.add((key[:3], key.hash))
        books.sheet.quarantined.append(
            (
                books.ledger_id, key.source_id, signed64(key.epoch), key.seq, key.hash,
                entry.jws, entry.attestation_id, entry.received_s, books.tick(),
            )
        )  # fmt: skip
    return Outcome(QUARANTINED, "same_name_other_bytes", 0, None, None, seen)


def _write_record(books: Books, entry: Entry, outcome: Outcome, account_id: int | None) -> None:
    """A row of `record`, in the order of its columns."""
    source_id, epoch, seq, digest = entry.key
    wanted = entry.wanted
    books.clock_us += 1
    books.sheet.records.append(
        (
            books.ledger_id, source_id, signed64(epoch), seq, digest, entry.kind,
            entry.jws, None, entry.attestation_id, entry.received_s, entry.effective_s,
            entry.basis, books.clock_us, outcome.outcome, outcome.reason,
            wanted.until_s if type(wanted) is Hold else None, entry.point_id, entry.fraction,
            entry.grade, entry.net_g, entry.tariff_id, entry.amount_per_kg, entry.card_ref,
            account_id, outcome.amount, outcome.transfer_id,
        )
    )  # fmt: skip
