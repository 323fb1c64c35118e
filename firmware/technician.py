"""What a technician does at the bin, as rules beside those of a visit. Pure.

A service card opens a menu that turns by itself; the same card, shown again, takes what is shown:
menu -service-> full -weight-> emptying -lid-> emptied -weight-> idle, or taring, or checking. An
order from afar opens the lid for somebody: idle -serve-> serviced -lid-> idle. Loaded where there
are service cards, or when an order opens the lid.

Inputs beside station's: ("serve",) ("service", card)
Actions: ("zero", card, weight) ("emptied", card, before, after)
"""

from firmware.station import DROP_S, IDLE, SAVED_S, Limits, State, but, idle, refused

MENU = ("menu_empty", "menu_tare", "menu_weigh", "menu_leave")
MENU_S, ROUNDS = 4, 3


def _serve(state: State, event: tuple, limits: Limits):
    """Open for somebody who does service; what is taken out is no visit."""
    served = but(state, phase="serviced", waited=False)
    return served, [("wake", None), ("unlock",), ("show", "serviced", ()), ("wake", DROP_S)]


def _served(state: State, event: tuple, limits: Limits):
    if event[0] == "lid" and event[1]:
        return state, []
    if state.lid_open:
        return state, [("show", "close_lid", ()), ("wake", DROP_S)]
    return idle(state, ("lock",), ("show", "welcome", ()))


def _menu(state: State, event: tuple, limits: Limits):
    menu = but(IDLE, phase="menu", lid_open=state.lid_open, name=event[1], waited=0)
    return menu, [("show", MENU[0], ()), ("wake", MENU_S)]


def _turned(state: State, event: tuple, limits: Limits):
    turn = state.waited + 1
    if turn == ROUNDS * len(MENU):
        return idle(state, ("show", "welcome", ()))
    shown = MENU[turn % len(MENU)]
    return but(state, waited=turn), [("show", shown, ()), ("wake", MENU_S)]


def _told(state: State, event: tuple, limits: Limits):
    """Say why a card does nothing here; the menu turns on, and what it showed may be taken."""
    word = "safe_mode" if event[0] == "card" else event[1]
    return state, [("show", word, ()), ("wake", MENU_S)]


def _chosen(state: State, event: tuple, limits: Limits):
    word = MENU[state.waited % len(MENU)]
    if word == "menu_leave":
        return idle(state, ("show", "welcome", ()))
    phase = {"menu_empty": "full", "menu_tare": "taring", "menu_weigh": "checking"}[word]
    chosen = but(state, phase=phase, name=event[1], waited=False)
    return chosen, [("wake", None), ("show", "wait", ()), ("weigh",)]


def _full(state: State, event: tuple, limits: Limits):
    """Open whatever the scale says: a bin whose scale is broken must be emptied too."""
    before = event[1] if event[0] == "weight" else None
    emptying = but(state, phase="emptying", before=before)
    return emptying, [("unlock",), ("show", "serviced", ()), ("wake", DROP_S)]


def _emptying(state: State, event: tuple, limits: Limits):
    if event[0] == "lid" and event[1]:
        return but(state, waited=True), []
    if state.lid_open:
        return state, [("show", "close_lid", ()), ("wake", DROP_S)]
    if not state.waited:
        return idle(state, ("lock",), ("show", "welcome", ()))
    emptied = but(state, phase="emptied")
    return emptied, [("wake", None), ("lock",), ("show", "wait", ()), ("weigh",)]


def _emptied(state: State, event: tuple, limits: Limits):
    after = event[1] if event[0] == "weight" else None
    done = ("emptied", state.name, state.before, after)
    return idle(state, done, ("show", "emptied", ()))


def _opened_again(state: State, event: tuple, limits: Limits):
    if not event[1]:
        return state, []
    return but(state, phase="emptying"), [("show", "close_lid", ()), ("wake", DROP_S)]


def _tared(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None or not weight.stable:
        return idle(state, ("show", "scale_failed" if weight is None else "not_steady", ()))
    return idle(state, ("zero", state.name, weight), ("show", "tared", ()))


def _checked(state: State, event: tuple, limits: Limits):
    weight = event[1]
    if weight is None:
        return idle(state, ("show", "scale_failed", ()))
    shown = but(IDLE, lid_open=state.lid_open)
    return shown, [("show", "weighs", (weight.grams,)), ("wake", SAVED_S)]


RULES = {
    ("idle", "serve"): _serve,
    ("serviced", "lid"): _served,
    ("serviced", "wake"): _served,
    ("idle", "service"): _menu,
    ("saved", "service"): _menu,
    ("menu", "wake"): _turned,
    ("menu", "service"): _chosen,
    ("menu", "card"): _told,
    ("menu", "trouble"): _told,
    ("menu", "blocked"): _told,
    ("full", "weight"): _full,
    ("full", "refused"): _full,
    ("emptying", "lid"): _emptying,
    ("emptying", "wake"): _emptying,
    ("emptied", "lid"): _opened_again,
    ("emptied", "weight"): _emptied,
    ("emptied", "refused"): _emptied,
    ("taring", "weight"): _tared,
    ("taring", "refused"): refused,
    ("checking", "weight"): _checked,
    ("checking", "refused"): refused,
}
