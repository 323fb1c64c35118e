"""HX711 load-cell converter, bit by bit.

A reading counts only if its falling edge of DOUT was seen, so that it is new and was not changed
while being clocked out. Each clock pulse is locked against interrupts by itself: above 60 µs the
chip would power down (data sheet, T3), and a lock over all 25 would starve the radio.
"""

import asyncio

PULSES = 25  # 24 bits, and one more to choose channel A at gain 128 for the next conversion
LONGEST_HIGH_US = 40  # the data sheet allows 50 and powers down at 60
EDGE_MS = 500  # five conversions at 10 per second
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
        self.failures = 0
        sck(0)

    async def read(self) -> "int | None":
        """Return one fresh conversion in counts, or None if there was none to trust."""
        if not self._dout():
            self._clock_out()  # an old conversion: its edge was not seen
        raw = self._clock_out() if await self._edge() else None
        if raw is None:
            self.failures += 1
        return raw

    async def _edge(self) -> bool:
        """Wait for DOUT to fall after it was high; False if it does not in time."""
        was_high = False
        for _ in range(EDGE_MS // POLL_MS):
            if self._dout():
                was_high = True
            elif was_high:
                return True
            await asyncio.sleep_ms(POLL_MS)
        return False

    def _clock_out(self) -> "int | None":
        raw, longest_us = 0, 0
        for _ in range(PULSES):
            bit, high_us = self._pulse()
            raw = raw << 1 | bit
            longest_us = max(longest_us, high_us)
        raw >>= 1  # the 25th pulse carries no bit
        if raw & 0x800000:
            raw -= 0x1000000
        # After the last pulse DOUT must be high; low means that pulses were lost or added.
        if not self._dout() or longest_us > LONGEST_HIGH_US or raw in (LOWEST, HIGHEST):
            return None
        return raw

    def _pulse(self):
        state = self._lock()
        start_us = self._ticks_us()
        self._sck(1)
        bit = self._dout()
        self._sck(0)
        high_us = self._ticks_diff(self._ticks_us(), start_us)
        self._unlock(state)
        return bit, high_us
