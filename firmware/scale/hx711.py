"""HX711 load-cell converter, bit by bit.

A reading counts only if its falling edge of DOUT was seen, so that it is new and was not changed
while being clocked out. Each clock pulse is locked against interrupts by itself: above 60 µs the
chip would power down (data sheet, T3), and a lock over all 25 would starve the radio. After power
came, and after anything that may have left the chip in another channel or in the middle of its
bits, it is powered down and up and its first conversions are thrown away.
"""

import asyncio

PULSES = 25  # 24 bits, and one more to choose channel A at gain 128 for the next conversion
LONGEST_HIGH_US = 40  # the data sheet allows 50 and powers down at 60
DOWN_MS = 1  # a whole millisecond is well above the 60 µs
PERIOD_MS = 100  # at 10 conversions per second
LATE_MS = 160  # an edge later than this came after a change of channel (four periods, settling)
QUIET_MS = 70  # no edge comes sooner, so the processor may sleep
EDGE_MS = 600  # start-up takes 400 (data sheet, settling time at 10 per second)
THROWN_AWAY = 5  # conversions after power-up: four to settle, and the one that was under way
POLL_MS = 2
LOWEST, HIGHEST = -0x800000, 0x7FFFFF  # what the chip says when its input is out of range


class HX711:
    """Reads the converter on two pins; `lock()` -> state and `unlock(state)` guard one pulse."""

    def __init__(self, dout, sck, lock, unlock, ticks_us, ticks_diff) -> None:
        self._dout = dout
        self._sck = sck
        self._lock = lock
        self._unlock = unlock
        self._ticks_us = ticks_us
        self._ticks_diff = ticks_diff
        self._settled = False
        self._edge_us = None  # when the last edge came, if it was the last conversion's
        self.failures = 0
        sck(0)

    async def read(self) -> "int | None":
        """Return one fresh conversion in counts, or None if there was none to trust."""
        raw = await self._fresh() if self._settled or await self._settle() else None
        if raw is None:
            self.failures += 1
        return None if raw in (LOWEST, HIGHEST) else raw

    async def _settle(self) -> bool:
        """Power the chip down and up, and throw away what it says first."""
        self._sck(1)
        await asyncio.sleep_ms(DOWN_MS)
        self._sck(0)
        self._settled, self._edge_us = True, None
        for _ in range(THROWN_AWAY):
            if await self._edge() is None or self._clock_out() is None:
                self._settled = False
                return False
        self._edge_us = None
        return True

    async def _fresh(self) -> "int | None":
        if not self._dout():
            self._clock_out()  # an old conversion: its edge was not seen
            self._edge_us = None
        last_us, self._edge_us = self._edge_us, None
        edge_us = await self._edge(last_us)
        raw = None if edge_us is None else self._clock_out()
        self._settled = raw is not None
        late_us = 0 if last_us is None or edge_us is None else self._ticks_diff(edge_us, last_us)
        if late_us > 1000 * LATE_MS:
            return None  # this one may be of another channel; the pulses have chosen the right one
        self._edge_us = edge_us
        return raw

    async def _edge(self, last_us: "int | None" = None) -> "int | None":
        """Wait for DOUT to fall after it was high; return when, or None if it does not in time."""
        was_high = self._dout()
        if last_us is not None:
            # Ticks of an edge that is long past may look like some to come.
            since_ms = max(0, self._ticks_diff(self._ticks_us(), last_us) // 1000)
            await asyncio.sleep_ms(max(0, QUIET_MS - since_ms))
        for _ in range(EDGE_MS // POLL_MS):
            if self._dout():
                was_high = True
            elif was_high:
                return self._ticks_us()
            await asyncio.sleep_ms(POLL_MS)
        return None

    def _clock_out(self) -> "int | None":
        raw, longest_us = 0, 0
        for _ in range(PULSES):
            bit, high_us = self._pulse()
            raw = raw << 1 | bit
            longest_us = max(longest_us, high_us)
        raw >>= 1  # the 25th pulse carries no bit, it sets DOUT high
        if raw & 0x800000:
            raw -= 0x1000000
        # After the last pulse DOUT must be high; low means that pulses were lost.
        return raw if self._dout() and longest_us <= LONGEST_HIGH_US else None

    def _pulse(self):
        state = self._lock()
        start_us = self._ticks_us()
        self._sck(1)
        bit = self._dout()
        self._sck(0)
        high_us = self._ticks_diff(self._ticks_us(), start_us)
        self._unlock(state)
        return bit, high_us
