"""The watchdog is fed only while every task makes progress, and a restart is told why it was.

A task that waits for ever looks just like one that has nothing to do. So each is watched by a
number that grows when it does something, within a time of its own; one that may be idle for long
is stirred first. A loop that never yields starves the watchdog without any of this.
"""

import asyncio
import gc
import io
import sys

from firmware.errors import FlashFault
from firmware.twin import Twin

LONGEST = 100  # characters of a reason; it travels in the birth
FILE = "/restart"


class Supervisor:
    """`watchdog` is fed every `pace_s` seconds at most; `blame(why)` hears who starved it."""

    def __init__(self, watchdog, pace_s: int, up_ms, blame) -> None:
        self._watchdog = watchdog
        self._pace_s = pace_s
        self._up_ms = up_ms
        self._blame = blame
        self._watched = []
        self.starved = ""  # the task that made no progress, once there was one

    def watch(self, name: str, progress, limit_s: int, stir=None) -> None:
        """Watch a task: `progress()` is something that changes at least every limit_s seconds,
        if need be after `stir()`."""
        limit_ms = 1000 * (limit_s + self._pace_s)
        self._watched.append([name, progress, limit_ms, stir, progress(), self._up_ms()])

    async def run(self) -> None:
        """Feed the watchdog until a task hangs; then never again."""
        while True:
            self._look()
            if not self.starved:
                self._watchdog.feed()
            await asyncio.sleep(self._pace_s)

    def _look(self) -> None:
        now_ms = self._up_ms()
        for row in self._watched:
            name, progress, limit_ms, stir, last, since_ms = row
            found = progress()
            if found != last:
                row[4], row[5] = found, now_ms
            elif now_ms - since_ms > limit_ms and not self.starved:
                self.starved = name
                self._blame("watchdog: no progress of " + name)
            if stir is not None:
                stir()


class LastWords:
    """Why the program ended, kept on the flash until the town has heard it."""

    def __init__(self, folder: str) -> None:
        self._twin = Twin(folder + FILE)

    def read(self) -> str:
        """Return what the start before this one left, or an empty text."""
        return self._twin.read() or ""

    def write(self, why: str) -> None:
        try:
            self._twin.write(plain(why))
        except (FlashFault, OSError):
            pass  # nothing may keep a bin that is ending from starting again

    def heard(self) -> None:
        """Forget it: it stands in a birth that was sent."""
        if self.read():
            self.write("")


def reason(error: BaseException) -> str:
    """Return in one line what was raised, and where.

    It has ended the program, and a full heap may be why: what the tasks held is given back first.
    """
    if hasattr(sys, "print_exception"):  # MicroPython's
        asyncio.new_event_loop()
    gc.collect()
    try:
        places = [line.strip() for line in _trace(error).split("\n") if "File" in line]
    except MemoryError:
        places = []
    return repr(error) + (" " + places[-1] if places else "")


def _trace(error: BaseException) -> str:
    out = io.StringIO()
    if hasattr(sys, "print_exception"):  # MicroPython's
        sys.print_exception(error, out)  # pyright: ignore
    return out.getvalue()  # pyright: ignore


def plain(text: str, most: int = LONGEST) -> str:
    """Return a text as the contract's JSON takes it: printable ASCII, no quotes, not too long."""
    raw = bytearray(text[:most].encode())
    for place, byte in enumerate(raw):
        if not 0x20 <= byte <= 0x7E or byte in b'"\\':
            raw[place] = 0x27
    return raw[:most].decode()
