"""One visit as a pure state machine: step(state, input) -> (state, actions). No machine, no time.

idle -card-> before -weight-> opening -opened-> unlocked -lid-> open -lid-> after -weight-> closing
-saved-> saved -wake-> idle. The journal opens the visit before the lid unlocks and closes it
before anything is shown as saved.

Inputs:  ("card", card) ("weight", Weight|None) ("opened", name) ("refused", word)
         ("saved", name, net_g, flags) ("lid", is_open) ("settled", name, outcome, body) ("wake",)
         ("trouble", word) ("blocked", word) ("forced",) ("balance", amount, why not)
Actions: ("show", word, values) ("ask", card) ("weigh",) ("open", card, before)
         ("close", before, after, flags) ("interrupt",) ("unlock",) ("lock",) ("tamper", what)
         ("dark",) ("wake", seconds or None to cancel)
A `name` is (epoch, seq) of the visit's record.

What a technician does is in technician.py, which adds its rules to these where it is wanted.
"""

from collections import namedtuple

FIELDS = ("phase", "lid_open", "before", "name", "waited", "forced")
State = namedtuple("State", FIELDS)
Limits = namedtuple("Limits", "min_g max_g")

IDLE = State("idle", False, None, None, False, 0)
REOPENED = 5  # times that a visit is weighed anew because its locked lid opened again
OPEN_S, DROP_S = 20, 60  # to open the lid, and to shut it again
SAVED_S, SHOW_S = 20, 5  # to read what was saved, and why not
# Flags of a deposit that have words of their own. Above Max + 9 e no weight may be shown (décret
# 91-330, annex I); above Max none is.
TOLD = ("overload", "unstable", "uncalibrated")
DARK_S = 120  # until a display that nobody reads may go dark


def step(state: State, event: tuple, limits: Limits):
    """Return (new state, list of actions) for one input; an input out of place changes nothing."""
    if event[0] == "lid":
        state = but(state, lid_open=event[1])
    rule = RULES.get((state.phase, event[0]))
    return rule(state, event, limits) if rule else (state, [])


def but(state: State, **changes) -> State:
    """Return the state with some fields changed (MicroPython's namedtuple has no _replace)."""
    return State(*[changes.get(name, getattr(state, name)) for name in FIELDS])


def idle(state: State, *actions: tuple):
    clean = but(IDLE, lid_open=state.lid_open)
    return clean, list(actions) + [("wake", SHOW_S)]


def _card(state: State, event: tuple, limits: Limits):
    if state.lid_open:
        return but(state, waited=False), [("show", "close_lid", ()), ("wake", SHOW_S)]
    fresh = but(IDLE, phase="before", name=event[1])
    return fresh, [("wake", None), ("show", "wait", ()), ("ask", event[1]), ("weigh",)]


def _before(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None:
        return idle(state, ("show", "scale_failed", ()))
    if not weight.stable:
        return idle(state, ("show", "not_steady", ()))
    if weight.grams >= limits.max_g:
        return idle(state, ("show", "bin_full", ()))
    opening = but(state, phase="opening", before=weight, name=None)
    return opening, [("open", state.name, weight)]


def _opened(state: State, event: tuple, limits: Limits):
    opened = but(state, phase="unlocked", name=event[1])
    return opened, [("unlock",), ("show", "open_lid", ()), ("wake", OPEN_S)]


def refused(state: State, event: tuple, limits: Limits):
    return idle(state, ("lock",), ("show", event[1], ()))


def _lid_moved(state: State, event: tuple, limits: Limits):
    if event[1]:
        return but(state, phase="open"), [("wake", DROP_S)]
    return _weigh_after(state)


def _weigh_after(state: State):
    after = but(state, phase="after", waited=False)
    return after, [("wake", None), ("lock",), ("show", "wait", ()), ("weigh",)]


def _not_opened(state: State, event: tuple, limits: Limits):
    return _weigh_after(state)


def _left_open(state: State, event: tuple, limits: Limits):
    if state.waited:
        return idle(state, ("lock",), ("interrupt",), ("show", "saved_for_help", ()))
    return but(state, waited=True), [("show", "close_lid", ()), ("wake", DROP_S)]


def _after(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None:
        return idle(state, ("interrupt",), ("show", "saved_for_help", ()))
    closing = but(state, phase="closing")
    return closing, [("close", state.before, weight, _flags(state, weight, limits))]


def _flags(state: State, after, limits: Limits) -> list:
    before = state.before
    found = (
        ("overload", after.grams > limits.max_g),
        ("below_min", after.grams - before.grams < limits.min_g),
        ("unstable", not after.stable),
        ("lid_forced", state.forced),
    )
    return [flag for flag, seen in found if seen]


def _saved(state: State, event: tuple, limits: Limits):
    doubts = [flag for flag in TOLD if flag in event[3]]
    word = "saved_" + doubts[0] if doubts else "saved"
    saved = but(state, phase="saved", name=event[1])
    return saved, [("show", word, (event[2],)), ("wake", SAVED_S)]


def _settled(state: State, event: tuple, limits: Limits):
    if event[1] != state.name:
        return state, []
    body = event[3]
    values = (body["net_g"], body["credit"], body["balance"])
    word = "blocked_card" if body["why"] == "blocked_card" else event[2]  # nothing to register
    return state, [("show", word, values), ("wake", SAVED_S)]


def _trouble(state: State, event: tuple, limits: Limits):
    return but(state, waited=False), [("show", event[1], ()), ("wake", SHOW_S)]


def _done(state: State, event: tuple, limits: Limits):
    if state.phase == "idle" and state.waited:
        return state, [("dark",)]
    welcome = but(state, phase="idle", name=None, waited=True)
    return welcome, [("show", "welcome", ()), ("wake", DARK_S)]


def _blocked(state: State, event: tuple, limits: Limits):
    return idle(state, ("show", event[1], ()))


def _forced(state: State, event: tuple, limits: Limits):
    """The lid opened although it was locked, and no visit is open in the journal."""
    return idle(state, ("tamper", "lid forced"), ("show", "lid_forced", ()))


def _reopened(state: State, event: tuple, limits: Limits):
    """The lid opened again before the weight was taken: it is weighed once it is shut."""
    if not event[1]:
        return state, []
    if state.forced >= REOPENED:  # or its switch has a loose wire, and the visit would never end
        return idle(state, ("lock",), ("interrupt",), ("show", "saved_for_help", ()))
    return but(state, phase="open"), [("show", "close_lid", ()), ("wake", DROP_S)]


def _forced_open(state: State, event: tuple, limits: Limits):
    return but(state, forced=state.forced + 1), [("show", "lid_forced", ())]


def _balance(state: State, event: tuple, limits: Limits):
    return but(state, waited=False), [_answer(event, "balance"), ("wake", SAVED_S)]


def _open_balance(state: State, event: tuple, limits: Limits):
    return state, [_answer(event, "open_balance")]


def _answer(event: tuple, word: str) -> tuple:
    """Show a balance, or why the card has none: what it brings is kept all the same."""
    return ("show", event[2], ()) if event[2] else ("show", word, (None, None, event[1]))


RULES = {
    ("idle", "card"): _card,
    ("idle", "trouble"): _trouble,
    ("idle", "wake"): _done,
    ("saved", "card"): _card,
    ("before", "weight"): _before,
    ("before", "refused"): refused,
    ("opening", "opened"): _opened,
    ("opening", "refused"): refused,
    ("unlocked", "lid"): _lid_moved,
    ("unlocked", "wake"): _not_opened,
    ("open", "lid"): _lid_moved,
    ("open", "wake"): _left_open,
    ("after", "weight"): _after,
    ("closing", "saved"): _saved,
    ("closing", "refused"): refused,
    ("idle", "forced"): _forced,
    ("saved", "forced"): _forced,
    ("before", "forced"): _forced,
    ("after", "lid"): _reopened,
    ("open", "forced"): _forced_open,
    ("idle", "balance"): _balance,
    ("unlocked", "balance"): _open_balance,
    ("idle", "blocked"): _blocked,
    ("saved", "blocked"): _blocked,
    ("saved", "settled"): _settled,
    ("saved", "wake"): _done,
}
