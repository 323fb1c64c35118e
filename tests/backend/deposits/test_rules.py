"""The rules alone: values in, values out."""

from typing import Any

import pytest

from backend.cards.service import Holder
from backend.deposits.rules import (
    SLACK_S,
    Anchor,
    Facts,
    Moment,
    Neighbours,
    moment_of,
    wanted,
    worth,
)
from backend.ledger.transfers import Credit, Hold, Note, Suspend
from backend.tariffs.service import Rate

NOBODY_BESIDE = Neighbours()
HOLDER = Holder(account_id=777, person_id=1, states=((0, "active"),))
DEPOSIT: dict[str, Any] = {"kind": "deposit", "flags": [], "net_g": 2_000}
RIGHT = Facts(Moment(1_000, "device"), confirmed=True, holder=HOLDER, rate=Rate(1, 25))


def body(clock: str = "synced", at_s: int | None = 1_000, up_ms: int = 50_000) -> dict[str, Any]:
    return {"clock": clock, "at_s": at_s, "up_ms": up_ms}


def facts(**changes: Any) -> Facts:
    given = {"moment": RIGHT.moment, "confirmed": True, "holder": HOLDER, "rate": RIGHT.rate}
    return Facts(**(given | changes))


def test_a_synchronised_clock_is_believed() -> None:
    assert moment_of(body(), 5_000, None, NOBODY_BESIDE) == Moment(1_000, "device")


def test_two_honest_clocks_may_differ_a_little() -> None:
    found = moment_of(body(at_s=5_000 + SLACK_S), 5_000, None, NOBODY_BESIDE)

    assert found == Moment(5_000 + SLACK_S, "device")


def test_a_clock_ahead_of_ours_is_not_believed() -> None:
    found = moment_of(body(at_s=5_001 + SLACK_S), 5_000, None, NOBODY_BESIDE)

    assert found == Moment(5_000, "received", future=True)


@pytest.mark.parametrize("clock", ["unset", "holdover"])
def test_other_clocks_are_rebuilt_from_the_same_start(clock: str) -> None:
    at_s = None if clock == "unset" else 17
    found = moment_of(body(clock, at_s, up_ms=90_000), 5_000, Anchor(30_000, 1_000), NOBODY_BESIDE)

    assert found == Moment(1_060, "rebuilt")


def test_a_later_synchronisation_dates_what_came_before_it() -> None:
    found = moment_of(body("unset", None, up_ms=10_000), 5_000, Anchor(70_000, 1_000), Neighbours())

    assert found == Moment(940, "rebuilt")


def test_without_an_anchor_the_time_of_receipt_counts() -> None:
    assert moment_of(body("unset", None), 5_000, None, NOBODY_BESIDE) == Moment(5_000, "received")


def test_a_clock_that_jumped_within_its_start_is_rebuilt() -> None:
    found = moment_of(body(at_s=4_000, up_ms=40_000), 5_000, Anchor(30_000, 1_000), NOBODY_BESIDE)

    assert found == Moment(1_010, "rebuilt")


@pytest.mark.parametrize("beside", [Neighbours(before_s=2_000), Neighbours(after_s=600)])
def test_a_clock_that_contradicts_its_neighbours_is_not_believed(beside: Neighbours) -> None:
    assert moment_of(body(), 5_000, None, beside) == Moment(5_000, "received")


def test_a_good_deposit_is_credited() -> None:
    assert wanted(DEPOSIT, RIGHT) == Credit(777, 50)


def test_what_was_weighed_is_doubted_before_who_and_when() -> None:
    odd = facts(confirmed=False, holder=None, rate=None)

    assert wanted(DEPOSIT | {"flags": ["low_battery", "unstable"]}, odd) == Hold("unstable")


def test_a_held_deposit_remembers_whose_it_is_and_what_it_is_worth() -> None:
    assert wanted(DEPOSIT, facts(confirmed=False)) == Hold("new_epoch", account_id=777, amount=50)


@pytest.mark.parametrize(("max_g", "held"), [(1_999, True), (2_000, False), (None, False)])
def test_more_than_the_scale_can_weigh_is_held(max_g: int | None, held: bool) -> None:
    heavy = wanted(DEPOSIT, facts(max_g=max_g))

    assert heavy == (Hold("over_max", account_id=777, amount=50) if held else Credit(777, 50))


def test_a_blocked_card_keeps_nobody_elses_money() -> None:
    blocked = Holder(777, 1, ((0, "active"), (900, "blocked")))

    assert wanted(DEPOSIT, facts(holder=blocked)) == Suspend(50, "blocked_card")


def test_a_card_is_unknown_before_it_was_issued() -> None:
    later = Holder(777, 1, ((1_001, "active"),))

    assert wanted(DEPOSIT, facts(holder=later)) == Suspend(50, "unknown_card")


def test_what_is_no_deposit_is_noted() -> None:
    assert wanted({"kind": "tamper", "flags": ["unstable"]}, RIGHT) == Note()


@pytest.mark.parametrize(
    ("net_g", "credit"), [(-5, 0), (0, 0), (1, 0), (19, 0), (20, 1), (59, 1), (60, 2), (1_000, 25)]
)
def test_worth_is_rounded_half_up(net_g: int, credit: int) -> None:
    assert worth({"net_g": net_g}, Rate(1, 25)) == credit
