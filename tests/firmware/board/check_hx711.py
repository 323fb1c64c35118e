"""The HX711 driver against the chip's own timing. Runs on MicroPython only."""

import asyncio

from firmware.boards.simchips import CONVERSION_US, SimHX711
from firmware.boards.simtime import SimClock
from firmware.scale.hx711 import HX711


class Bench:
    """A driver wired to a simulated chip; `raw` is what the chip converts."""

    def __init__(self, raw=123456):
        self.clock = SimClock(lambda: 0)
        self.clock.install()
        self.raw = raw
        self.locked = self.locks = 0
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
        assert self.locked or not level, "SCK went high outside the lock"
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
    bench.read()
    assert bench.locks == 50  # one stale conversion thrown away, one read


def test_stale_conversion_is_never_returned():
    bench = Bench(111)
    driver, out = bench.driver(), []

    async def reading():
        await asyncio.sleep_ms(250)
        bench.raw = 222  # changes while an old conversion waits
        out.append(await driver.read())

    asyncio.run(reading())
    assert out == [222]


def test_ten_readings_take_ten_conversions():
    bench = Bench()
    assert bench.read(10) == [123456] * 10
    assert 9 * CONVERSION_US < bench.clock.now_us - 250000 < 10 * CONVERSION_US


def test_saturation_is_no_reading():
    for raw in (0x7FFFFF, -0x800000):
        assert Bench(raw).read() == [None]


def test_cell_that_never_answers_is_no_reading_in_bounded_time():
    for level in (0, 1):
        bench = Bench()
        bench.dout = lambda level=level: level
        assert bench.read() == [None]
        assert bench.clock.now_us < 1200000


def test_lost_or_added_pulses_are_noticed():
    for broken in (7, 20):
        bench = Bench()
        chip, seen = bench.chip, []

        def sck(level, chip=chip, seen=seen, broken=broken):
            seen.append(level)
            if level and seen.count(1) == 25 + broken:
                return  # the chip does not see this pulse
            chip.sck(level)

        bench.sck = sck
        assert bench.read() == [None]


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
        if level and pulses.count(1) == 30:
            clock.spend(130)

    bench.sck = sck
    readings = bench.read(4)
    assert readings[0] is None
    assert readings[-1] == 123456
