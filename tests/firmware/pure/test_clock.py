"""Time that neither wraps nor is guessed."""

from firmware.clock import SYNCED_MS, TICKS, Clock, unix_s


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
