"""One load cell and what stands on it, in grams and counts, with all that real cells do.

Noise, spikes, temperature and drift of the zero, creep under a load, the swing after a drop and a
platform that never comes to rest. The converter integrates over a conversion, and so does this.
"""

import math
import random

SWING_S, SWING_HZ = 0.12, 4.0  # time constant and pitch of the platform after a drop
CONVERSION_S = 0.1
LOWEST, HIGHEST = -0x800000, 0x7FFFFF


class Load:
    """`raw()` is what the cell's converter would say now; `share` of each load rests on it."""

    def __init__(self, clock, cell, share: float = 1.0) -> None:
        self._clock = clock
        self._cell = cell
        self.share = share
        self.noise = 3  # counts, both ways
        self.drift_g_s = 0.0
        self.creep = 0.0  # part of the load that shows later ...
        self.creep_s = 300.0  # ... with this time constant
        self.temp_c = 20.0
        self.zero_g_c = 0.0  # grams per degree
        self.span_ppm_c = 0.0  # parts per million of the load per degree
        self.wobble_g, self.wobble_hz = 0.0, 3.7
        self.spikes = 0.0  # part of the conversions that are spikes, of up to 30 kg
        self.look = None  # called with this load before each conversion
        self.fixed = None  # counts that the converter says whatever happens
        self.grams = 0
        self._crept, self._crept_at = 0.0, 0.0
        self._dropped_s, self._drop_g = 0.0, 0

    def put(self, grams: int) -> None:
        """Add a load, which swings for a while."""
        self._crept, self._crept_at = self._creeping(), self._now_s()
        self._dropped_s, self._drop_g = self._now_s(), grams
        self.grams += grams

    def raw(self) -> int:
        if self.look is not None:
            self.look(self)
        if self.fixed is not None:
            return self.fixed
        counts = 1000 * self.share * self._seen_g() * self._cell.counts / self._cell.mg
        if self.spikes and random.random() < self.spikes:
            counts += (1 - 2 * random.randrange(2)) * random.randrange(1000, 600000)
        counts += random.randrange(-self.noise, self.noise + 1) if self.noise else 0
        return max(LOWEST, min(HIGHEST, self._cell.zero + round(counts)))

    def _now_s(self) -> float:
        return self._clock.now_us / 1000000

    def _creeping(self) -> float:
        """Return the grams of creep: it follows creep * load with its time constant."""
        if not self.creep:
            return 0.0
        aim = self.creep * self.grams
        return aim + (self._crept - aim) * math.exp((self._crept_at - self._now_s()) / self.creep_s)

    def _seen_g(self) -> float:
        now_s = self._now_s()
        since_s = now_s - self._dropped_s
        swing = -self._drop_g * math.exp(-since_s / SWING_S) * math.cos(since_s * 6.283 * SWING_HZ)
        seen = self.grams + swing + self._creeping()
        seen *= 1 + self.span_ppm_c * (self.temp_c - 20) / 1000000
        seen += self.zero_g_c * (self.temp_c - 20) + self.drift_g_s * now_s
        if self.wobble_g:
            pace = 6.2832 * self.wobble_hz
            mean = math.cos(pace * (now_s - CONVERSION_S)) - math.cos(pace * now_s)
            seen += self.wobble_g * mean / (pace * CONVERSION_S)
        return seen
