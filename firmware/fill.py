"""How full the bin is: an ultrasonic sensor under the lid, looking down.

A pulse of 10 us on the trigger; the echo pin is high for as long as the sound is under way, there
and back (data sheets of HC-SR04 and JSN-SR04T: 60 ms between pulses, 200 mm blind at the latter).
Speed of sound c = 343.2 m/s * sqrt(T / 293.15 K), ISO 9613-1:1993, annex A: at -10 degrees a bin
would else look 5 % emptier. Waste scatters sound, so of several echoes those that lie far from
their median are thrown away, and too few that agree are no answer.
"""

import asyncio
import math

PINGS, PAUSE_MS = 7, 60
AGREE = 4  # echoes that must be left
BLIND_MM, FARTHEST_MM = 200, 4000
SPREAD_MM = 15  # least distance from the median that counts as far
FAR = 3  # ... or this many median deviations


def distance_mm(echo_us: int, temp_c10: "int | None") -> int:
    """Return the way to the surface for a time there and back; without a thermometer, at 20 C."""
    kelvin = 293.15 if temp_c10 is None else 273.15 + temp_c10 / 10
    return round(echo_us * 343.2 * math.sqrt(kelvin / 293.15) / 2000)


def agreed_mm(distances_mm: list) -> "int | None":
    """Return the mean of the distances that lie near their median, or None if too few do."""
    if len(distances_mm) < AGREE:
        return None
    median = sorted(distances_mm)[len(distances_mm) // 2]
    away = sorted([abs(each - median) for each in distances_mm])
    limit = max(SPREAD_MM, FAR * away[len(away) // 2])
    near = [each for each in distances_mm if abs(each - median) <= limit]
    agree = len(near) >= AGREE and max(near) - min(near) <= 4 * SPREAD_MM
    return round(sum(near) / len(near)) if agree else None


class Ultrasonic:
    """The sensor: `pulse_us(pin, level, limit_us)` measures a level, negative if there is none."""

    def __init__(self, trigger, echo, pulse_us) -> None:
        self._trigger = trigger
        self._echo = echo
        self._pulse_us = pulse_us

    async def pings_us(self) -> list:
        """Return the echoes of some pulses in microseconds, those that came."""
        found = []
        for _ in range(PINGS):
            self._trigger(1)
            await asyncio.sleep_ms(1)  # the data sheet's 10 us at least; longer does no harm
            self._trigger(0)
            found.append(self._pulse_us(self._echo, 1, 40000))
            await asyncio.sleep_ms(PAUSE_MS)
        return [us for us in found if us >= 0]


class Fill:
    """`empty_mm` is the way down to the floor of the empty bin, `full_mm` to a full one."""

    def __init__(self, sensor: Ultrasonic, temp_c10, empty_mm: int, full_mm: int) -> None:
        self._sensor = sensor
        self._temp_c10 = temp_c10
        self._empty_mm = empty_mm
        self._full_mm = full_mm
        self.fill_pct = None

    async def measure(self) -> None:
        """Look once; a bin whose sensor gives no clear answer has no known fill."""
        temp_c10 = self._temp_c10()
        found = [distance_mm(us, temp_c10) for us in await self._sensor.pings_us()]
        mm = agreed_mm([each for each in found if BLIND_MM <= each <= FARTHEST_MM])
        self.fill_pct = None if mm is None else self._pct(mm)

    def obstacle(self) -> "str | None":
        """Return the word for why nothing more goes in, or None."""
        return "bin_full" if self.fill_pct == 100 else None

    def _pct(self, mm: int) -> int:
        depth_mm = self._empty_mm - self._full_mm
        return max(0, min(100, (100 * (self._empty_mm - mm) + depth_mm // 2) // depth_mm))
