"""How a device is: ok, attention, stale, offline or never seen, each with its reasons.

Pure: what was heard and what time it is go in. An alert stays a reason while the device is
silent, for silence tells nothing of what was wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from backend.telemetry import SCHEMA

State = Literal["ok", "attention", "stale", "offline", "never_seen"]
WORST_FIRST: tuple[State, ...] = ("offline", "stale", "never_seen", "attention", "ok")
STALE_S = 45 * 60  # a bin reports every quarter of an hour: three reports are missing
OFFLINE_S = 24 * 3600
SILENT = "silent"

# Kinds of records that are alerts: their rule is the kind, a colon and the bin's own words.
SAID = ("alarm", "tamper")
RULES = {limit.rule: (field, limit) for field in SCHEMA for limit in field.limits}
WORDS = {rule: limit.words for rule, (_, limit) in RULES.items()} | {
    SILENT: "Nothing was heard of the device.",
    "lost": "The broker lost its connection.",
    "asleep": "It sleeps and will report by itself.",
    "never_seen": "It has not reported since it was registered.",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a rule's name, since when, what was measured then (None: nothing), in words."""

    rule: str
    since_s: int | None
    value: int | None
    unit: str
    words: str


class Condition(NamedTuple):
    """A device's state now; `heard_s` is when it was last heard of, `age_s` how long ago."""

    state: State
    heard_s: int | None
    age_s: int | None
    reasons: tuple[Reason, ...]


class Open(NamedTuple):
    """An alert that nothing has ended."""

    rule: str
    since_s: int
    value: int


def condition(
    heard_s: int | None, session_state: str | None, alerts: Sequence[Open], now_s: int
) -> Condition:
    """Judge a device by when it was last heard and what is wrong.

    `session_state` is the contract's online, sleeping or lost, the last being the broker's word.
    """
    reasons = [_alert(each) for each in alerts if each.rule != SILENT]
    if heard_s is None:
        return Condition("never_seen", None, None, (_reason("never_seen", None), *reasons))
    age_s = max(now_s - heard_s, 0)
    asleep = session_state == "sleeping" and age_s < OFFLINE_S
    if asleep:
        reasons.append(_reason("asleep", heard_s))
    if session_state == "lost":
        reasons.insert(0, _reason("lost", heard_s))
    if age_s >= STALE_S and not asleep:
        reasons.insert(0, _reason(SILENT, heard_s))
    return Condition(_state(age_s, asleep, reasons), heard_s, age_s, tuple(reasons))


def _state(age_s: int, asleep: bool, reasons: Sequence[Reason]) -> State:
    named = {reason.rule for reason in reasons}
    if age_s >= OFFLINE_S or "lost" in named:
        return "offline"
    if age_s >= STALE_S and not asleep:
        return "stale"
    wrong = named & RULES.keys() or any(rule.partition(":")[0] in SAID for rule in named)
    return "attention" if wrong else "ok"


def words_of(rule: str) -> str:
    """What a rule means to a person."""
    kind, _, what = rule.partition(":")
    if kind in SAID:
        return f"The bin says: {what}." if kind == "alarm" else f"Somebody was at the bin: {what}."
    return WORDS.get(rule, rule)


def _alert(open_: Open) -> Reason:
    unit = RULES[open_.rule][0].unit if open_.rule in RULES else ""
    return Reason(open_.rule, open_.since_s, open_.value, unit, words_of(open_.rule))


def _reason(rule: str, since_s: int | None) -> Reason:
    return Reason(rule, since_s, None, "", WORDS[rule])
