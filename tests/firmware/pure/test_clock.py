"""Time that neither wraps nor is guessed."""

from firmware.clock import (
    BUILT_S,
    KEEP_EVERY_S,
    LATEST_S,
    STORED_S,
    SYNCED_MS,
    TICKS,
    Clock,
    unix_s,
)
from tests.firmware.raises import raises

NOW_S = 1795000000
DAY_S = 86400


class Ticks:
    def __init__(self, start):
        self.total = start

    def __call__(self):
        return self.total % TICKS


def test_uptime_goes_on_when_the_ticks_wrap():
    ticks = Ticks(TICKS - 500)
    clock = Clock(ticks)
    for _ in range(5):
        ticks.total += TICKS // 3
        clock.up_ms()

    assert clock.up_ms() == 5 * (TICKS // 3)


def test_time_is_unset_then_synced_then_held_over():
    ticks = Ticks(0)
    clock = Clock(ticks)
    assert (clock.at_s(), clock.quality()) == (None, "unset")

    ticks.total = 5000
    clock.sync(1795000000)
    ticks.total += 2500
    assert (clock.at_s(), clock.quality()) == (1795000002, "synced")

    ticks.total += SYNCED_MS
    assert (clock.at_s(), clock.quality()) == (1795086402, "holdover")


def test_ports_count_from_two_different_years():
    assert unix_s(0, 2000) == 946684800
    assert unix_s(1795000000, 1970) == 1795000000


class Kept:
    """What stays on the flash."""

    def __init__(self):
        self.text = None
        self.writes = 0

    def read(self):
        return self.text

    def write(self, text):
        self.text = text
        self.writes += 1


def started(kept, ticks=None):
    return Clock(ticks or Ticks(0), kept)


def test_time_never_goes_back_over_a_start():
    kept = Kept()
    assert started(kept).sync(NOW_S)

    clock = started(kept)
    assert clock.surely_s() == NOW_S
    assert not clock.sync(NOW_S - DAY_S)
    assert clock.refused == (None, NOW_S - DAY_S)
    assert (clock.at_s(), clock.quality()) == (None, "unset")
    assert clock.sync(NOW_S + 5)


def test_years_ahead_are_refused_after_a_start_and_a_winter_in_store_is_not():
    kept = Kept()
    started(kept).sync(NOW_S)

    assert not started(kept).sync(NOW_S + STORED_S + 1)
    assert started(kept).sync(NOW_S + 200 * DAY_S)


def test_bin_that_never_knew_the_time_believes_its_first_answer_but_no_day_before_it_was_made():
    assert started(Kept()).sync(BUILT_S + 10 * 365 * DAY_S)
    assert not started(Kept()).sync(BUILT_S - DAY_S)
    assert not started(Kept()).sync(BUILT_S - 1)


def test_no_answer_and_no_person_takes_a_bin_beyond_its_life():
    clock = started(Kept())
    assert not clock.sync(LATEST_S + 1)
    raises(ValueError, clock.repair, LATEST_S + 1)
    assert (clock.at_s(), clock.least_s) == (None, BUILT_S)
    assert clock.sync(LATEST_S)


def test_clock_jumping_years_is_held_over():
    ticks = Ticks(0)
    clock = started(Kept(), ticks)
    clock.sync(NOW_S)
    for jump_s in (-10 * 365 * DAY_S, -DAY_S, DAY_S, 10 * 365 * DAY_S):
        ticks.total += 3600 * 1000
        own_s = clock.at_s()
        assert not clock.sync(own_s + jump_s)
        assert clock.at_s() == own_s
    ticks.total += SYNCED_MS
    assert clock.quality() == "holdover"
    assert clock.sync(clock.at_s() + 300)
    assert clock.quality() == "synced"


def test_what_a_crystal_drifts_in_a_month_is_believed():
    ticks = Ticks(0)
    clock = started(Kept(), ticks)
    clock.sync(NOW_S)
    for _ in range(4):
        ticks.total += TICKS * 3 // 4
        clock.up_ms()
    drift_s = (clock.at_s() - NOW_S) * 100 // 1000000
    assert drift_s > 300
    assert clock.sync(clock.at_s() + drift_s)


def test_person_at_the_bin_may_set_any_time_and_it_is_not_locked_out_for_ever():
    kept = Kept()
    wrong = started(kept)
    assert wrong.sync(NOW_S + 3000 * DAY_S)
    assert not wrong.sync(NOW_S)
    assert not started(kept).sync(NOW_S)

    wrong.repair(NOW_S)
    assert (wrong.at_s(), wrong.quality(), wrong.refused) == (NOW_S, "synced", None)
    assert started(kept).sync(NOW_S + 60)
    raises(ValueError, wrong.repair, BUILT_S - 1)


def test_lower_bound_is_written_four_times_a_day_and_not_more():
    ticks, kept = Ticks(0), Kept()
    clock = started(kept, ticks)
    for hour in range(48):
        clock.sync(NOW_S + 3600 * hour)
        ticks.total += 3600 * 1000
    assert kept.writes == 48 * 3600 // KEEP_EVERY_S


def test_flash_that_takes_no_bound_keeps_no_bin_from_its_time():
    class Worn(Kept):
        def write(self, text):
            raise OSError(28)

    clock = started(Worn())
    assert clock.sync(NOW_S)
    assert (clock.at_s(), clock.surely_s()) == (NOW_S, NOW_S)
    raises(OSError, clock.repair, NOW_S + 60)  # a person is told


def test_torn_lower_bound_is_none():
    kept = Kept()
    kept.text = "17950x"
    assert started(kept).least_s == BUILT_S
