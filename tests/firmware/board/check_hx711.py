"""The HX711 driver against the chip's own timing. Runs on MicroPython only."""

import asyncio

from firmware.boards.simchips import CHANNEL_B, CONVERSION_US, SimHX711
from firmware.boards.simtime import SimClock
from firmware.scale.hx711 import HX711, THROWN_AWAY


class Bench:
    """A driver wired to a simulated chip; `raw` is what the chip converts."""

    def __init__(self, raw=123456):
        self.clock = SimClock(lambda: 0)
        self.clock.install()
        self.raw = raw
        self.locked = self.locks = self.powered_down = 0
        self.chip = SimHX711(self.clock, lambda: self.raw)
        self.dout, self.sck = self.chip.dout, self.chip.sck

    def driver(self):
        clock = self.clock
        return HX711(
            lambda: self.dout(),
            self._sck,
            self._lock,
            self._unlock,
            clock.ticks_us,
            clock.ticks_diff,
        )

    def _sck(self, level):
        self.powered_down += level and not self.locked
        self.sck(level)

    def _lock(self):
        self.locked, self.locks = 1, self.locks + 1
        return 0

    def _unlock(self, state):
        self.locked = 0

    def read(self, times=1):
        """Return the readings of a driver that starts in the middle of a conversion."""
        driver, out = self.driver(), []

        async def reading():
            await asyncio.sleep_ms(250)
            for _ in range(times):
                out.append(await driver.read())

        asyncio.run(reading())
        return out


def test_readings_keep_their_sign():
    for raw in (0, 1, -1, 123456, -123456, 0x7FFFFE, -0x7FFFFF):
        assert Bench(raw).read() == [raw]


def test_every_pulse_has_a_lock_of_its_own():
    bench = Bench()
    bench.read(3)
    assert bench.locks == 25 * (THROWN_AWAY + 3)
    assert bench.powered_down == 1  # at the start, to begin from a known channel


def test_cell_that_dies_is_missed_at_once_however_long_ago_it_was_read():
    for away_s in (1, 500, 600, 1000):  # from 537 s on a difference of ticks is negative
        bench, took_ms = Bench(), []
        driver = bench.driver()

        async def reading(driver=driver, bench=bench, took_ms=took_ms, away_s=away_s):
            assert await driver.read() is not None
            await asyncio.sleep(away_s)
            bench.dout = lambda: 1  # its wire is off
            started_us = bench.clock.now_us
            assert await driver.read() is None
            took_ms.append((bench.clock.now_us - started_us) // 1000)

        asyncio.run(reading())
        assert took_ms[0] < 5000, (away_s, took_ms)


def test_stale_conversion_is_never_returned():
    bench = Bench(111)
    driver, out = bench.driver(), []

    async def reading():
        out.append(await driver.read())
        await asyncio.sleep_ms(250)
        bench.raw = 222  # changes while an old conversion waits
        out.append(await driver.read())

    asyncio.run(reading())
    assert out == [111, 222]


def test_ten_readings_take_ten_conversions():
    bench = Bench()
    driver, times = bench.driver(), []

    async def reading():
        for _ in range(11):
            assert await driver.read() == 123456
            times.append(bench.clock.now_us)

    asyncio.run(reading())
    assert abs(times[-1] - times[0] - 10 * CONVERSION_US) < 5000


def test_first_conversions_after_power_up_are_thrown_away():
    bench = Bench()
    chip, converted = bench.chip, []
    chip._raw = lambda: converted.append(bench.clock.now_us) or 1000 * len(converted)
    # The pulse that powers the chip down takes the conversion that was waiting, too.
    assert bench.read(2) == [1000 * (THROWN_AWAY + 2), 1000 * (THROWN_AWAY + 3)]
    assert converted[1] - converted[0] > 4 * CONVERSION_US


def test_conversions_of_a_chip_that_shows_how_it_settles_are_thrown_away():
    bench = Bench()
    bench.chip.settles_silently = False
    assert bench.read(2) == [123456] * 2


def test_saturation_is_no_reading():
    for raw in (0x7FFFFF, -0x800000):
        assert Bench(raw).read() == [None]


def test_cell_that_never_answers_is_no_reading_in_bounded_time():
    for level in (0, 1):
        bench = Bench()
        bench.dout = lambda level=level: level
        assert bench.read() == [None]
        assert bench.clock.now_us < 2000000


def disturbed(edges_of_the_hit, at, raw=123456):
    """Return five readings, in the second of which one pulse is taken for none or several."""
    bench, pulses = Bench(raw), []

    def edges():
        pulses.append(1)
        return edges_of_the_hit if len(pulses) == 25 * (THROWN_AWAY + 1) + 1 + at else 1

    bench.chip.edges = edges
    return bench.read(5)


def test_lost_pulse_is_noticed_if_the_last_bit_is_0_and_does_not_last():
    for at in (1, 12, 24, 25):
        readings = disturbed(0, at, raw=0x123456)
        assert readings[0] == 0x123456
        assert readings[1] is None, at
        assert readings[3:] == [0x123456] * 2


def test_added_pulse_chooses_another_channel_and_what_comes_late_is_no_reading():
    for at in (1, 12, 25):
        readings = disturbed(2, at)
        assert readings[2] is None, at
        assert readings[4] == 123456
        assert CHANNEL_B not in readings


def test_chip_that_was_pulsed_28_times_comes_back_by_power_down():
    readings = disturbed(4, 25)
    assert readings[2] is None
    assert readings[3:] == [123456] * 2


def test_stretched_clock_is_no_reading():
    bench = Bench()
    chip, clock = bench.chip, bench.clock

    def sck(level):
        chip.sck(level)
        if level:
            clock.spend(45)

    bench.sck = sck
    assert bench.read() == [None]


def test_chip_powered_down_by_a_stretched_pulse_comes_back():
    bench = Bench()
    chip, clock, pulses = bench.chip, bench.clock, []

    def sck(level):
        chip.sck(level)
        pulses.append(level)
        if level and pulses.count(1) == 25 * THROWN_AWAY + 30:
            clock.spend(130)

    bench.sck = sck
    assert bench.read(4) == [123456, None, 123456, 123456]
