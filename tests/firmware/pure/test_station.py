"""The visit as a state machine: every way it can go, and that no other order is possible."""

from firmware import station, technician, words
from firmware.scale.weighing import Weight
from firmware.station import IDLE, Limits, step

LIMITS = Limits(200, 60000)
station.RULES.update(technician.RULES)
NAME = ("0123456789abcdef", 7)
BODY = {"net_g": 1500, "credit": 37, "balance": 400, "why": ""}


def quiet(grams):
    return ("weight", Weight(grams, 3, 8, True, 1000 * grams))


def shaky(grams):
    return ("weight", Weight(grams, 900, 8, False, 1000 * grams))


def walk(*events, state=IDLE):
    """Return (state, all actions) after some inputs."""
    actions = []
    for event in events:
        state, more = step(state, event, LIMITS)
        actions += more
    return state, actions


def words_of(actions):
    return [action[1] for action in actions if action[0] == "show"]


CARD = ("card", b"\x04\xa1\xb2\xc3")
OPENED = (CARD, quiet(1000), ("opened", NAME))
DROPPED = (CARD, quiet(1000), ("opened", NAME), ("lid", True), ("lid", False))


def test_visit_is_opened_in_the_journal_before_the_lid_unlocks():
    _, actions = walk(CARD, quiet(1000))
    kinds = [action[0] for action in actions]
    assert "open" in kinds
    assert "unlock" not in kinds

    assert ("unlock",) in walk(*OPENED)[1]


def test_saved_is_shown_only_after_the_journal_has_it():
    state, actions = walk(*DROPPED, quiet(2500))
    assert actions[-1] == ("close", quiet(1000)[1], quiet(2500)[1], [])
    assert "saved" not in words_of(actions)

    _, actions = walk(("saved", NAME, 1500, []), state=state)
    assert ("show", "saved", (1500,)) in actions


def test_credit_and_balance_are_shown_while_that_visit_still_stands_there():
    saved = walk(*DROPPED, quiet(2500), ("saved", NAME, 1500, []))[0]
    state, actions = walk(("settled", NAME, "credited", BODY), state=saved)
    assert ("show", "credited", (1500, 37, 400)) in actions

    assert walk(("settled", ("f" * 16, 1), "credited", BODY), state=state)[1] == []
    gone = walk(("wake",), state=saved)[0]
    assert walk(("settled", NAME, "credited", BODY), state=gone)[1] == []


def test_next_card_ends_the_reading_of_the_last_visit():
    state, _ = walk(*DROPPED, quiet(2500), ("saved", NAME, 1500, []), CARD)
    assert (state.phase, state.name) == ("before", CARD[1])


def test_full_journal_refuses_in_words_and_the_lid_stays_locked():
    state, actions = walk(CARD, quiet(1000), ("refused", "journal_full"))
    assert state.phase == "idle"
    assert words_of(actions)[-1] == "journal_full"
    assert ("unlock",) not in actions


def test_weight_that_is_not_to_be_had_refuses_before_the_lid_opens():
    for event, word in (
        (("weight", None), "scale_failed"),
        (shaky(1000), "not_steady"),
        (quiet(60000), "bin_full"),
    ):
        state, actions = walk(CARD, event)
        assert (state.phase, words_of(actions)[-1]) == ("idle", word)
        assert "open" not in [action[0] for action in actions]


def test_unstable_weight_after_is_saved_with_its_flag():
    state, actions = walk(*DROPPED, shaky(2500))
    assert actions[-1][3] == ["unstable"]
    assert words_of(walk(("saved", NAME, 1500, ["unstable"]), state=state)[1]) == ["saved_unstable"]


def test_lost_cell_after_the_lid_was_open_is_an_interrupted_visit():
    state, actions = walk(*DROPPED, ("weight", None))
    assert ("interrupt",) in actions
    assert (state.phase, words_of(actions)[-1]) == ("idle", "saved_for_help")


def test_small_and_too_large_weights_are_flagged():
    assert walk(*DROPPED, quiet(1100))[1][-1][3] == ["below_min"]
    assert walk(*DROPPED, quiet(60001))[1][-1][3] == ["overload"]


def test_weight_above_max_is_not_shown():
    state, _ = walk(*DROPPED, quiet(60001))
    _, actions = walk(("saved", NAME, 59001, ["overload", "unstable"]), state=state)
    assert words_of(actions) == ["saved_overload"]
    for text in words.WORDS["saved_overload"]:
        assert "{" not in text


def test_lid_that_nobody_opens_ends_in_a_weighing():
    state, actions = walk(*OPENED, ("wake",))
    assert state.phase == "after"
    assert actions[-4:] == [("wake", None), ("lock",), ("show", "wait", ()), ("weigh",)]


def test_lid_left_open_is_asked_for_once_and_then_interrupted():
    state, actions = walk(*OPENED, ("lid", True), ("wake",))
    assert (state.phase, words_of(actions)[-1]) == ("open", "close_lid")

    state, actions = walk(("wake",), state=state)
    assert ("interrupt",) in actions
    assert state.lid_open
    assert words_of(walk(CARD, state=state)[1]) == ["close_lid"]


def test_inputs_out_of_place_change_nothing():
    events = (CARD, quiet(5), ("opened", NAME), ("saved", NAME, 5, []), ("refused", "x"), ("wake",))
    for phase in ("before", "opening", "unlocked", "open", "after", "closing"):
        state = station.State(phase, False, None, NAME, False, False)
        for event in events:
            if (phase, event[0]) not in station.RULES:
                assert step(state, event, LIMITS) == (state, [])


def test_every_word_the_station_says_is_in_the_table():
    said = {"welcome", "wait", "open_lid", "close_lid", "saved", "saved_unstable", "bin_full"}
    said.update(("saved_for_help", "not_steady", "scale_failed", "journal_full", "flash_failed"))
    assert said <= set(words.WORDS)


def test_lid_forced_between_visits_is_told_and_written_down():
    for state in (IDLE, walk(*DROPPED, quiet(2500), ("saved", NAME, 1500, []))[0]):
        state, actions = walk(("lid", True), ("forced",), state=state)
        assert ("tamper", "lid forced") in actions
        assert words_of(actions) == ["lid_forced"]
        assert (state.phase, state.lid_open) == ("idle", True)


def test_lid_forced_while_the_first_weight_is_taken_ends_the_visit_before_it_begins():
    state, actions = walk(CARD, ("lid", True), ("forced",), quiet(1000))
    assert state.phase == "idle"
    assert ("tamper", "lid forced") in actions
    assert "open" not in [action[0] for action in actions]


def test_lid_opened_again_is_weighed_again_and_the_deposit_carries_the_flag():
    state, actions = walk(*DROPPED, ("lid", True), ("forced",), quiet(9999))
    assert state.phase == "open"
    assert "close" not in [action[0] for action in actions]

    state, actions = walk(("lid", False), quiet(2500), state=state)
    assert ("weigh",) in actions
    assert actions[-1] == ("close", quiet(1000)[1], quiet(2500)[1], ["lid_forced"])


def test_flag_of_a_forced_lid_ends_with_its_visit():
    saved = walk(*DROPPED, ("lid", True), ("forced",), ("lid", False), quiet(2500))[0]
    _, actions = walk(("saved", NAME, 1500, []), *DROPPED, quiet(2500), state=saved)
    assert actions[-1][-1] == []


def test_balance_is_shown_to_who_holds_a_card_and_again_while_the_lid_may_be_opened():
    _, actions = walk(("balance", 1234, ""))
    assert actions[0] == ("show", "balance", (None, None, 1234))
    state, actions = walk(*OPENED, ("balance", 1234, ""))
    assert actions[-1] == ("show", "open_balance", (None, None, 1234))
    assert state.phase == "unlocked"


def test_holder_of_a_card_that_has_no_account_is_told_before_the_waste_is_in():
    for word in ("unknown_card", "blocked_card"):
        assert walk(("balance", None, word))[1][0] == ("show", word, ())
        state, actions = walk(*OPENED, ("balance", None, word))
        assert (state.phase, actions[-1]) == ("unlocked", ("show", word, ()))


def test_blocked_card_is_not_told_to_register():
    saved = walk(*DROPPED, quiet(2500), ("saved", NAME, 1500, []))[0]
    for why, word in (("blocked_card", "blocked_card"), ("unknown_card", "suspended")):
        body = dict(BODY)
        body["why"] = why
        assert words_of(walk(("settled", NAME, "suspended", body), state=saved)[1]) == [word]


def test_display_that_nobody_reads_goes_dark_once():
    state, actions = walk(("wake",))
    assert actions == [("show", "welcome", ()), ("wake", station.DARK_S)]
    state, actions = walk(("wake",), state=state)
    assert actions == [("dark",)]
    _, actions = walk(("trouble", "two_cards"), ("wake",), state=state)
    assert words_of(actions) == ["two_cards", "welcome"]


def test_who_cannot_be_let_in_is_told_why_even_before_the_last_one_has_left():
    for state in (IDLE, walk(*DROPPED, quiet(2500), ("saved", NAME, 1500, []))[0]):
        state, actions = walk(("blocked", "bin_full"), state=state)
        assert words_of(actions) == ["bin_full"]
        assert state.phase == "idle"


SERVICE = ("service", "a technician's card")


def chosen(word, *events):
    """Open the menu, wait for a word, choose it."""
    turns = [("wake",)] * technician.MENU.index(word)
    return walk(SERVICE, *turns, SERVICE, *events)


def test_service_card_opens_a_menu_that_turns_and_ends_by_itself():
    turns = [("wake",)] * (technician.ROUNDS * len(technician.MENU) - 1)
    state, actions = walk(SERVICE, *turns)
    assert state.phase == "menu"
    assert words_of(actions) == list(technician.MENU) * technician.ROUNDS

    assert walk(("wake",), state=state)[0].phase == "idle"
    assert chosen("menu_leave")[0].phase == "idle"


def test_residents_card_opens_no_menu_and_chooses_nothing_and_is_told_why():
    state, _ = walk(SERVICE)
    for event, word in (
        (CARD, "safe_mode"),
        (("trouble", "two_cards"), "two_cards"),
        (("blocked", "service_refused"), "service_refused"),
    ):
        told, actions = walk(event, state=state)
        assert (told, words_of(actions)) == (state, [word])
        assert walk(("wake",), state=told)[0].phase == "menu"
    assert "menu" not in [walk(CARD)[0].phase, walk(CARD, quiet(1000))[0].phase]


def test_emptying_is_weighed_on_both_sides_and_names_who():
    state, actions = chosen("menu_empty", quiet(9000))
    assert ("unlock",) in actions
    state, actions = walk(("lid", True), ("lid", False), state=state)
    assert ("lock",) in actions
    state, actions = walk(quiet(1000), state=state)
    assert actions[0] == ("emptied", SERVICE[1], quiet(9000)[1], quiet(1000)[1])
    assert (state.phase, words_of(actions)) == ("idle", ["emptied"])


def test_broken_scale_does_not_keep_a_bin_from_being_emptied():
    for silent in (("weight", None), ("refused", "not_calibrated")):
        state, actions = chosen("menu_empty", silent)
        assert ("unlock",) in actions
        _, actions = walk(("lid", True), ("lid", False), silent, state=state)
        assert ("emptied", SERVICE[1], None, None) in actions


def test_lid_opened_again_while_it_is_weighed_is_part_of_the_emptying():
    lids = (("lid", True), ("lid", False), ("lid", True), ("lid", False))
    state, _ = chosen("menu_empty", quiet(9000), *lids)
    assert state.phase == "emptied"


def test_emptying_without_an_open_lid_ends_locked_and_unwritten():
    state, actions = chosen("menu_empty", quiet(9000), ("wake",))
    assert state.phase == "idle"
    kinds = [action[0] for action in actions]
    assert "lock" in kinds
    assert "emptied" not in kinds


def test_lid_left_open_by_the_technician_stays_unlocked_until_it_is_shut():
    state, actions = chosen("menu_empty", quiet(9000), ("lid", True), ("wake",), ("wake",))
    assert (state.phase, words_of(actions)[-1]) == ("emptying", "close_lid")
    assert ("lock",) not in actions


def test_zero_is_set_only_at_rest():
    state, actions = chosen("menu_tare", quiet(30))
    assert ("zero", SERVICE[1], quiet(30)[1]) in actions
    for event, word in ((shaky(30), "not_steady"), (("weight", None), "scale_failed")):
        state, actions = chosen("menu_tare", event)
        assert "zero" not in [action[0] for action in actions]
        assert (state.phase, words_of(actions)[-1]) == ("idle", word)


def test_weight_may_be_checked():
    assert ("show", "weighs", (5000,)) in chosen("menu_weigh", quiet(5000))[1]


def test_every_word_of_the_menu_is_in_the_table():
    assert set(technician.MENU) | {"weighs", "emptied", "tared", "service_refused"} <= set(
        words.WORDS
    )


def test_visit_whose_lid_opens_again_and_again_ends_and_is_held_for_a_person():
    again = (("lid", True), ("forced",), ("lid", False))
    state, actions = walk(*DROPPED)
    for _ in range(station.REOPENED):
        state, more = walk(*again, state=state)
        assert state.phase == "after"
        assert ("weigh",) in more
    state, actions = walk(*again, state=state)
    assert state.phase == "idle"
    assert ("interrupt",) in actions
    assert words_of(actions)[0] == "saved_for_help"
