"""The display's dots, and simulated time under asyncio. Runs on MicroPython only."""

import asyncio

from firmware import pictures
from firmware.boards.simchips import Pin, SimSSD1306
from firmware.boards.simtime import PERIOD, SimClock
from firmware.display import SSD1306, Buzzer, Display
from firmware.pictures import Pictures


class Bin:
    """A display with a chip and a buzzer, and what was heard of it."""

    def __init__(self, language="en", path=None):
        self.chip = SimSSD1306()
        self.heard = []
        self.levels = []
        pin = Pin(0, lambda level: self.levels.append((level, clock_ms())))
        words = Pictures(path or pictures.path(language))
        self.display = Display(SSD1306(self.chip), words, 2, self._say, Buzzer(pin))

    def _say(self, word, values, lines):
        self.heard.append((word, values, lines))


def clock_ms():
    return asyncio.core.ticks()


def picture(language, word, values):
    dots = bytearray(1024)
    Pictures(pictures.path(language)).draw(dots, word, pictures.numbers(values, 2))
    return bytes(dots)


def test_person_sees_the_picture_of_the_word():
    for language in ("en", "ar", "fr"):
        bin_ = Bin(language)
        bin_.display.show("credited", (2210, 55, 12345))
        assert bin_.chip.dots == picture(language, "credited", (2210, 55, 12345))


def test_words_are_heard_in_the_language_of_the_bin():
    bin_ = Bin("ar")
    bin_.display.show("saved", (1500,))
    assert bin_.heard == [("saved", (1500,), ["حُفظ", "1500 غ"])]


def test_display_that_lost_its_power_shows_the_next_word():
    bin_ = Bin()
    bin_.display.show("welcome")
    bin_.chip.reset()
    assert bin_.chip.dots == bytes(1024)
    bin_.display.show("wait")
    assert bin_.chip.dots == picture("en", "wait", ())


def test_unplugged_display_stops_nothing_and_comes_back():
    bin_ = Bin()
    bin_.chip.present = False
    bin_.display.show("wait")
    assert (bin_.display.failures, len(bin_.heard)) == (1, 1)
    bin_.chip.present = True
    bin_.display.show("open_lid")
    assert bin_.chip.dots == picture("en", "open_lid", ())


def test_dark_display_lights_up_with_the_next_word():
    bin_ = Bin()
    bin_.display.show("welcome")
    bin_.display.dark()
    assert bin_.chip.dots == bytes(1024)
    bin_.display.show("wait")
    assert any(bin_.chip.dots)


def test_word_without_a_picture_is_shown_in_plain_letters():
    bin_ = Bin(path="/no/such/file")
    bin_.display.show("saved", (1500,))
    assert any(bin_.chip.dots)
    assert bin_.heard == [("saved", (1500,), ["saved", "1500"])]


def test_buzzer_tells_good_from_bad():
    clock = SimClock(lambda: 0)
    clock.install()

    async def main():
        bin_ = Bin()
        for word in ("saved", "bin_full", "wait"):
            bin_.display.show(word, (1,))
            await asyncio.sleep(1)
        return bin_.levels

    levels = asyncio.run(main())
    assert levels[:2] == [(1, 0), (0, 150)]
    assert [ms for _, ms in levels[2:]] == [1000 + 80 * i for i in range(6)]
    assert [level for level, _ in levels[2:]] == [1, 0] * 3


def test_ten_hours_pass_at_once_and_ticks_wrap():
    clock = SimClock(lambda: 0)
    clock.install()
    clock.now_us = (PERIOD - 1000) * 1000  # a second before the wrap
    log = []

    async def sleeper(name, ms):
        await asyncio.sleep_ms(ms)
        log.append((name, clock.now_us // 1000 - PERIOD + 1000))

    async def main():
        tasks = [asyncio.create_task(sleeper(ms, ms)) for ms in (36000000, 500, 2000)]
        for task in tasks:
            await task

    asyncio.run(main())
    assert log == [(500, 500), (2000, 2000), (36000000, 36000000)]


def test_timeouts_and_cancellation_work_in_simulated_time():
    clock = SimClock(lambda: 0)
    clock.install()
    log = []

    async def for_ever():
        try:
            await asyncio.sleep(100000)  # ticks can tell 6 days apart
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def soon():
        await asyncio.sleep(1)
        return "done"

    async def main():
        try:
            await asyncio.wait_for(for_ever(), 5)
        except Exception as error:
            log.append((type(error).__name__, clock.now_us // 1000000))
        assert await asyncio.wait_for(soon(), 5) == "done"
        event = asyncio.Event()
        waiting = asyncio.create_task(event.wait())
        await asyncio.sleep(1)
        event.set()
        assert await waiting
        log.append(clock.now_us // 1000000)

    asyncio.run(main())
    assert log == ["cancelled", ("TimeoutError", 5), 7]
