"""The display's dots, and simulated time under asyncio. Runs on MicroPython only."""

import asyncio

from firmware.boards.simchips import SimSSD1306
from firmware.boards.simtime import PERIOD, SimClock
from firmware.display import SSD1306, Display


def shown(lines):
    chip = SimSSD1306()
    SSD1306(chip).draw(lines)
    return chip.dots


def test_lines_are_drawn_where_they_belong():
    dots = shown(["Saved", "1500 g"])
    rows = [any(dots[128 * page : 128 * (page + 1)]) for page in range(8)]
    assert rows == [False, False, True, False, False, True, False, False]
    assert dots != shown(["Saved", "1501 g"])


def test_words_are_heard_in_the_language_of_the_bin():
    heard = []
    display = Display(SSD1306(SimSSD1306()), "ar", 2, lambda *said: heard.append(said))
    display.show("saved", (1500,))
    assert heard == [("saved", (1500,), ["حُفظ", "1500 غ"])]


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
