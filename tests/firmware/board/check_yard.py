"""Fill and battery from their pins, as the simulated parts drive them. Runs on MicroPython only."""

import asyncio
import random

from firmware.boards.simtime import SimClock
from firmware.boards.simyard import SimConverter, SimUltrasonic
from firmware.fill import Fill, Ultrasonic
from firmware.power import Power


class Yard:
    """A bin of 900 mm that is full at 300 mm; the air has `temp_c`, the thermometer says it."""

    def __init__(self, mm, temp_c=20, told=True):
        clock = SimClock(lambda: 0)
        clock.install()
        random.seed(5)
        self.sensor = SimUltrasonic(clock, lambda: mm, lambda: temp_c)
        driver = Ultrasonic(self.sensor.trigger, self.sensor.echo, self.sensor.pulse_us)
        self.fill = Fill(driver, lambda: 10 * temp_c if told else None, 900, 300)

    def pct(self):
        asyncio.run(self.fill.measure())
        return self.fill.fill_pct


def test_fill_is_measured_from_the_echo():
    assert [Yard(mm).pct() for mm in (900, 600, 450, 300, 250)] == [0, 50, 75, 100, 100]


def test_fill_is_the_same_in_every_weather_and_wrong_without_the_thermometer():
    for temp_c in (-10, 0, 40):
        assert abs(Yard(600, temp_c).pct() - 50) <= 1
    assert Yard(600, -10, told=False).pct() < 46


def test_stray_echoes_change_nothing_and_too_many_are_no_answer():
    stray = Yard(600)
    stray.sensor.strays = 0.2
    found = [stray.pct() for _ in range(40)]
    assert not [pct for pct in found if pct is not None and abs(pct - 50) > 2], found
    assert len([pct for pct in found if pct is not None]) > 30
    lost = Yard(600)
    lost.sensor.strays = 1.0
    assert [lost.pct() for _ in range(10)].count(None) >= 9


def test_silent_or_dead_sensor_leaves_the_fill_unknown():
    for name in ("silent", "dead"):
        yard = Yard(300)
        assert yard.pct() == 100
        assert yard.fill.obstacle() == "bin_full"
        setattr(yard.sensor, name, True)
        assert yard.pct() is None
        assert yard.fill.obstacle() is None


def test_battery_is_read_through_divider_and_converter():
    for mv in (11000, 12345, 14400):
        battery = SimConverter(lambda mv=mv: mv, 5700)
        power = Power(battery, SimConverter(lambda: 0, 5700), 5700, 11800, 11200)
        power.measure()
        assert abs(power.battery_mv - mv) < 15, (mv, power.battery_mv)
        assert power.solar_mv < 15


def test_nobody_is_let_in_again_before_the_battery_has_come_back():
    seen, now = [], [12600]
    battery = SimConverter(lambda: now[0], 5700)
    power = Power(battery, battery, 5700, 11800, 11200)
    for mv in (12600, 11500, 11000, 11500, 12000):
        now[0] = mv
        power.measure()
        seen.append((power.obstacle(), power.flag()))
    low = "low_battery"
    assert seen == [
        (None, None),
        (None, low),
        ("battery_low", low),
        ("battery_low", low),
        (None, None),
    ]


def test_radio_naps_while_nobody_is_there_and_always_on_a_low_battery():
    battery, told = SimConverter(lambda: 12600, 5700), []
    power = Power(battery, battery, 5700, 11800, 11200)
    power.measure()
    for alone in (True, True, False, False, True):
        power.nap(alone, told.append)
    assert told == [True, False, True]
    power = Power(SimConverter(lambda: 11500, 5700), battery, 5700, 11800, 11200)
    power.measure()
    power.nap(False, told.append)
    assert told[3:] == [True]
