"""What a truly signed record is worth: pure rules, from the record and the facts of its moment.

Business never refuses weighed waste. A record is credited, or held with a reason, or suspended
because nobody is known to whom it belongs; the books alone decide whether the budget has it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backend.cards.service import Holder
from backend.ledger.transfers import Credit, Hold, Note, Suspend, Wanted, credit_for
from backend.tariffs.service import Rate

SLACK_S = 300  # how far two honest clocks may be apart
DEVICE, REBUILT, RECEIVED = "device", "rebuilt", "received"
NEW_EPOCH = "new_epoch"
# What is most likely right: credited by itself where nobody decides in time. Whatever doubts the
# card, the journal, the device or its scale is not among them.
PROVISIONAL = frozenset(("below_min", "unstable", "future_date"))
# A weighing with one of these flags is not good enough to be paid without a look.
DOUBTS = ("overload", "below_min", "unstable", "uncalibrated", "lid_forced")

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment of a start of the device when its clock was right."""

    up_ms: int
    at_s: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """When the records before and after happened, where a clock vouched for it."""

    before_s: int | None = None
    after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """When a record happened, and what that rests on; `future` if its clock is ahead of ours."""

    effective_s: int
    basis: str
    future: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the programme knew at the record's moment."""

    moment: Moment
    confirmed: bool  # the journal is the device's first, or a technician vouched for it
    holder: Holder | None
    rate: Rate | None
    max_g: int | None = None  # what the scale can weigh at most, as its birth says
    card_doubt: str | None = None  # why a secure card's word is not believed
    until_s: int | None = None  # when what is provisional is credited without a person


def moment_of(body: Body, received_s: int, anchor: Anchor | None, neighbours: Neighbours) -> Moment:
    """Return when a record happened (contract, "Time").

    `at_s` if the clock was synchronised and agrees with its start and its neighbours; else
    rebuilt from another synchronised record of the same start; else when it was received.
    """
    if body["clock"] == "synced":
        if body["at_s"] > received_s + SLACK_S:
            return Moment(received_s, RECEIVED, future=True)
        if _agrees(body, anchor) and _between(body["at_s"], neighbours):
            return Moment(body["at_s"], DEVICE)
    if anchor is not None:
        rebuilt_s = _rebuilt(body, anchor)
        if 0 <= rebuilt_s <= received_s + SLACK_S:
            return Moment(rebuilt_s, REBUILT)
    return Moment(received_s, RECEIVED)


def wanted(body: Body, facts: Facts) -> Wanted:
    """Return what is asked of the books for a record."""
    if body["kind"] not in ("deposit", "interrupted"):
        return Note()
    holder = facts.holder
    account_id = holder.account_id if holder and _active(facts) else None
    amount = worth(body, facts.rate)
    doubts = [*_doubts(body, facts)]
    if doubts:
        likely = account_id is not None and amount > 0 and PROVISIONAL.issuperset(doubts)
        return Hold(doubts[0], facts.until_s if likely else None, account_id, amount)
    if holder is None:
        return Suspend(amount, "unknown_card")
    if account_id is None:
        return Suspend(amount, _why_not(holder, facts.moment.effective_s))
    return Credit(account_id, amount)


def worth(body: Body, rate: Rate | None) -> int:
    """Return the credit for a deposit's net weight; 0 without a tariff or without a gain."""
    net_g = body.get("net_g", 0)
    return credit_for(net_g, rate.amount_per_kg) if rate is not None and net_g > 0 else 0


def _doubts(body: Body, facts: Facts) -> Iterator[str]:
    """Yield why a person has to look first; what was weighed comes before who and when.

    A card that is not believed comes before all: nothing else may release such a deposit.
    """
    if facts.card_doubt is not None:
        yield facts.card_doubt
    if body["kind"] == "interrupted":
        yield "interrupted"
        return
    yield from (flag for flag in DOUBTS if flag in body["flags"])
    if body["net_g"] <= 0:
        yield "no_gain"
    if facts.max_g is not None and body["net_g"] > facts.max_g:
        yield "over_max"
    if facts.moment.future:
        yield "future_date"
    if not facts.confirmed:
        yield NEW_EPOCH
    if facts.rate is None:
        yield "no_tariff"


def _active(facts: Facts) -> bool:
    return facts.holder is not None and facts.holder.active_at(facts.moment.effective_s)


def _why_not(holder: Holder, effective_s: int) -> str:
    """A card that was not yet issued is unknown at that moment; else it was blocked."""
    issued = any(from_s <= effective_s for from_s, _state in holder.states)
    return "blocked_card" if issued else "unknown_card"


def _rebuilt(body: Body, anchor: Anchor) -> int:
    return anchor.at_s + (int(body["up_ms"]) - anchor.up_ms) // 1000


def _agrees(body: Body, anchor: Anchor | None) -> bool:
    return anchor is None or abs(_rebuilt(body, anchor) - int(body["at_s"])) <= SLACK_S


def _between(at_s: int, neighbours: Neighbours) -> bool:
    before_s, after_s = neighbours.before_s, neighbours.after_s
    return (before_s is None or before_s - SLACK_S <= at_s) and (
        after_s is None or at_s <= after_s + SLACK_S
    )
