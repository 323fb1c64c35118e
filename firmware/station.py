"""One visit as a pure state machine: step(state, input) -> (state, actions). No machine, no time.

idle -card-> before -weight-> opening -opened-> unlocked -lid-> open -lid-> after -weight-> closing
-saved-> saved -wake-> idle. The journal opens the visit before the lid unlocks and closes it
before anything is shown as saved.

Inputs:  ("card", card) ("weight", Weight|None) ("opened", name) ("refused", word)
         ("saved", name, net_g, flags) ("lid", is_open) ("settled", name, outcome, body) ("wake",)
         ("trouble", word) ("blocked", word) ("forced",) ("balance", amount) ("serve",)
         ("service", card)
Actions: ("show", word, values) ("ask", card) ("weigh",) ("open", card, before)
         ("close", before, after, flags) ("interrupt",) ("unlock",) ("lock",) ("tamper", what)
         ("dark",) ("zero", card, weight) ("emptied", card, before, after)
         ("wake", seconds or None to cancel)
A `name` is (epoch, seq) of the visit's record.

A service card opens a menu that turns by itself; the same card, shown again, takes what is shown:
menu -service-> full -weight-> emptying -lid-> emptied -weight-> idle, or taring, or checking.
"""

from collections import namedtuple

FIELDS = ("phase", "lid_open", "before", "name", "waited", "forced")
State = namedtuple("State", FIELDS)
Limits = namedtuple("Limits", "min_g max_g")

IDLE = State("idle", False, None, None, False, False)
OPEN_S, DROP_S = 20, 60  # to open the lid, and to shut it again
SAVED_S, SHOW_S = 20, 5  # to read what was saved, and why not
MENU = ("menu_empty", "menu_tare", "menu_weigh", "menu_leave")
MENU_S, ROUNDS = 4, 3
DARK_S = 120  # until a display that nobody reads may go dark


def step(state: State, event: tuple, limits: Limits):
    """Return (new state, list of actions) for one input; an input out of place changes nothing."""
    if event[0] == "lid":
        state = _but(state, lid_open=event[1])
    rule = RULES.get((state.phase, event[0]))
    return rule(state, event, limits) if rule else (state, [])


def _but(state: State, **changes) -> State:
    """Return the state with some fields changed (MicroPython's namedtuple has no _replace)."""
    return State(*[changes.get(name, getattr(state, name)) for name in FIELDS])


def _idle(state: State, *actions: tuple):
    clean = _but(IDLE, lid_open=state.lid_open)
    return clean, list(actions) + [("wake", SHOW_S)]


def _card(state: State, event: tuple, limits: Limits):
    if state.lid_open:
        return _but(state, waited=False), [("show", "close_lid", ()), ("wake", SHOW_S)]
    fresh = _but(IDLE, phase="before", name=event[1])
    return fresh, [("wake", None), ("show", "wait", ()), ("ask", event[1]), ("weigh",)]


def _before(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None:
        return _idle(state, ("show", "scale_failed", ()))
    if not weight.stable:
        return _idle(state, ("show", "not_steady", ()))
    if weight.grams >= limits.max_g:
        return _idle(state, ("show", "bin_full", ()))
    opening = _but(state, phase="opening", before=weight, name=None)
    return opening, [("open", state.name, weight)]


def _opened(state: State, event: tuple, limits: Limits):
    opened = _but(state, phase="unlocked", name=event[1])
    return opened, [("unlock",), ("show", "open_lid", ()), ("wake", OPEN_S)]


def _refused(state: State, event: tuple, limits: Limits):
    return _idle(state, ("lock",), ("show", event[1], ()))


def _lid_moved(state: State, event: tuple, limits: Limits):
    if event[1]:
        return _but(state, phase="open"), [("wake", DROP_S)]
    return _weigh_after(state)


def _weigh_after(state: State):
    after = _but(state, phase="after", waited=False)
    return after, [("wake", None), ("lock",), ("show", "wait", ()), ("weigh",)]


def _not_opened(state: State, event: tuple, limits: Limits):
    return _weigh_after(state)


def _left_open(state: State, event: tuple, limits: Limits):
    if state.waited:
        return _idle(state, ("lock",), ("interrupt",), ("show", "saved_for_help", ()))
    return _but(state, waited=True), [("show", "close_lid", ()), ("wake", DROP_S)]


def _after(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None:
        return _idle(state, ("interrupt",), ("show", "saved_for_help", ()))
    closing = _but(state, phase="closing")
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
    doubts = [flag for flag in ("unstable", "uncalibrated") if flag in event[3]]
    word = "saved_" + doubts[0] if doubts else "saved"
    saved = _but(state, phase="saved", name=event[1])
    return saved, [("show", word, (event[2],)), ("wake", SAVED_S)]


def _settled(state: State, event: tuple, limits: Limits):
    if event[1] != state.name:
        return state, []
    body = event[3]
    values = (body["net_g"], body["credit"], body["balance"])
    return state, [("show", event[2], values), ("wake", SAVED_S)]


def _serve(state: State, event: tuple, limits: Limits):
    """Open for somebody who does service; what is taken out is no visit."""
    served = _but(state, phase="serviced", waited=False)
    return served, [("wake", None), ("unlock",), ("show", "serviced", ()), ("wake", DROP_S)]


def _served(state: State, event: tuple, limits: Limits):
    if event[0] == "lid" and event[1]:
        return state, []
    if state.lid_open:
        return state, [("show", "close_lid", ()), ("wake", DROP_S)]
    return _idle(state, ("lock",), ("show", "welcome", ()))


def _menu(state: State, event: tuple, limits: Limits):
    menu = _but(IDLE, phase="menu", lid_open=state.lid_open, name=event[1], waited=0)
    return menu, [("show", MENU[0], ()), ("wake", MENU_S)]


def _turned(state: State, event: tuple, limits: Limits):
    turn = state.waited + 1
    if turn == ROUNDS * len(MENU):
        return _idle(state, ("show", "welcome", ()))
    shown = MENU[turn % len(MENU)]
    return _but(state, waited=turn), [("show", shown, ()), ("wake", MENU_S)]


def _chosen(state: State, event: tuple, limits: Limits):
    word = MENU[state.waited % len(MENU)]
    if word == "menu_leave":
        return _idle(state, ("show", "welcome", ()))
    phase = {"menu_empty": "full", "menu_tare": "taring", "menu_weigh": "checking"}[word]
    chosen = _but(state, phase=phase, name=event[1], waited=False)
    return chosen, [("wake", None), ("show", "wait", ()), ("weigh",)]


def _full(state: State, event: tuple, limits: Limits):
    """Open whatever the scale says: a bin whose scale is broken must be emptied too."""
    before = event[1] if event[0] == "weight" else None
    emptying = _but(state, phase="emptying", before=before)
    return emptying, [("unlock",), ("show", "serviced", ()), ("wake", DROP_S)]


def _emptying(state: State, event: tuple, limits: Limits):
    if event[0] == "lid" and event[1]:
        return _but(state, waited=True), []
    if state.lid_open:
        return state, [("show", "close_lid", ()), ("wake", DROP_S)]
    if not state.waited:
        return _idle(state, ("lock",), ("show", "welcome", ()))
    emptied = _but(state, phase="emptied")
    return emptied, [("wake", None), ("lock",), ("show", "wait", ()), ("weigh",)]


def _emptied(state: State, event: tuple, limits: Limits):
    after = event[1] if event[0] == "weight" else None
    done = ("emptied", state.name, state.before, after)
    return _idle(state, done, ("show", "emptied", ()))


def _opened_again(state: State, event: tuple, limits: Limits):
    if not event[1]:
        return state, []
    return _but(state, phase="emptying"), [("show", "close_lid", ()), ("wake", DROP_S)]


def _tared(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None or not weight.stable:
        return _idle(state, ("show", "scale_failed" if weight is None else "not_steady", ()))
    return _idle(state, ("zero", state.name, weight), ("show", "tared", ()))


def _checked(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None:
        return _idle(state, ("show", "scale_failed", ()))
    shown = _but(IDLE, lid_open=state.lid_open)
    return shown, [("show", "weighs", (weight.grams,)), ("wake", SAVED_S)]


def _trouble(state: State, event: tuple, limits: Limits):
    return _but(state, waited=False), [("show", event[1], ()), ("wake", SHOW_S)]


def _done(state: State, event: tuple, limits: Limits):
    if state.phase == "idle" and state.waited:
        return state, [("dark",)]
    welcome = _but(state, phase="idle", name=None, waited=True)
    return welcome, [("show", "welcome", ()), ("wake", DARK_S)]


def _blocked(state: State, event: tuple, limits: Limits):
    return _idle(state, ("show", event[1], ()))


def _forced(state: State, event: tuple, limits: Limits):
    """The lid opened although it was locked, and no visit is open in the journal."""
    return _idle(state, ("tamper", "lid forced"), ("show", "lid_forced", ()))


def _reopened(state: State, event: tuple, limits: Limits):
    """The lid opened again before the weight was taken: it is weighed once it is shut."""
    if not event[1]:
        return state, []
    return _but(state, phase="open"), [("show", "close_lid", ()), ("wake", DROP_S)]


def _forced_open(state: State, event: tuple, limits: Limits):
    return _but(state, forced=True), [("show", "lid_forced", ())]


def _balance(state: State, event: tuple, limits: Limits):
    return _but(state, waited=False), [
        ("show", "balance", (None, None, event[1])),
        ("wake", SAVED_S),
    ]


def _open_balance(state: State, event: tuple, limits: Limits):
    return state, [("show", "open_balance", (None, None, event[1]))]


RULES = {
    ("idle", "card"): _card,
    ("idle", "trouble"): _trouble,
    ("idle", "wake"): _done,
    ("idle", "serve"): _serve,
    ("idle", "service"): _menu,
    ("saved", "service"): _menu,
    ("menu", "wake"): _turned,
    ("menu", "service"): _chosen,
    ("full", "weight"): _full,
    ("full", "refused"): _full,
    ("emptying", "lid"): _emptying,
    ("emptying", "wake"): _emptying,
    ("emptied", "lid"): _opened_again,
    ("emptied", "weight"): _emptied,
    ("emptied", "refused"): _emptied,
    ("taring", "weight"): _tared,
    ("taring", "refused"): _refused,
    ("checking", "weight"): _checked,
    ("checking", "refused"): _refused,
    ("saved", "card"): _card,
    ("before", "weight"): _before,
    ("before", "refused"): _refused,
    ("opening", "opened"): _opened,
    ("opening", "refused"): _refused,
    ("serviced", "lid"): _served,
    ("serviced", "wake"): _served,
    ("unlocked", "lid"): _lid_moved,
    ("unlocked", "wake"): _not_opened,
    ("open", "lid"): _lid_moved,
    ("open", "wake"): _left_open,
    ("after", "weight"): _after,
    ("closing", "saved"): _saved,
    ("closing", "refused"): _refused,
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
