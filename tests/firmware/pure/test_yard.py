"""Lid, battery and fill: safe states, hysteresis, the speed of sound, echoes from elsewhere."""

from firmware.fill import agreed_mm, distance_mm
from firmware.lid import Lid
from firmware.power import Power


class Pin:
    def __init__(self):
        self.level = None

    def __call__(self, level):
        self.level = level


class Converter:
    def __init__(self, *readings_mv):
        self.readings_mv = list(readings_mv)

    def read_uv(self):
        first = self.readings_mv.pop(0)
        self.readings_mv.append(first)
        return 200 * first  # behind a divider of five


def test_lock_without_power_is_in_its_safe_state_and_says_whether_the_lid_may_open():
    for safe, level_locked in (("locked", 0), ("unlocked", 1)):
        pin = Pin()
        lid = Lid(pin, None, safe)
        assert (pin.level, lid.may_open()) == (level_locked, False)
        lid.unlock()
        assert (pin.level, lid.may_open()) == (1 - level_locked, True)
        lid.rest()
        assert (pin.level, lid.may_open()) == (0, safe == "unlocked")


def power(*readings_mv):
    made = Power(Converter(*readings_mv), Converter(0), 5000, 11800, 11200)
    made.measure()
    return made


def test_battery_is_the_median_of_what_was_read():
    assert power(12000, 12010, 3000, 12020, 15000).battery_mv == 12010


def test_low_battery_flags_and_an_empty_one_lets_nobody_in_until_it_is_charged():
    assert (power(12000).flag(), power(12000).obstacle()) == (None, None)
    assert (power(11700).flag(), power(11700).obstacle()) == ("low_battery", None)
    battery = power(11000)
    assert (battery.flag(), battery.obstacle()) == ("low_battery", "battery_low")
    for mv, word in ((11500, "battery_low"), (11900, None), (11500, None)):
        battery._battery = Converter(mv)
        battery.measure()
        assert battery.obstacle() == word


def test_sound_is_slower_in_the_cold():
    there_and_back_us = 5828  # 1,000 mm at 20 degrees: 2,000 mm / 343.2 m/s
    assert distance_mm(there_and_back_us, 200) == 1000
    assert distance_mm(there_and_back_us, None) == 1000
    # ISO 9613-1: 325.2 m/s at -10 degrees, 354.7 m/s at 40 degrees
    assert abs(distance_mm(there_and_back_us, -100) - 948) <= 1
    assert abs(distance_mm(there_and_back_us, 400) - 1034) <= 1


def test_echoes_from_elsewhere_are_thrown_away():
    assert agreed_mm([500, 503, 498, 501, 2900, 240, 500]) == 500
    assert agreed_mm([500, 500, 500, 500]) == 500


def test_echoes_that_do_not_agree_are_no_answer():
    assert agreed_mm([300, 600, 900, 1200, 1500, 1800, 2100]) is None
    assert agreed_mm([500, 500, 500]) is None
    assert agreed_mm([]) is None
