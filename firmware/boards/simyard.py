"""What stands around the bin's electronics: a battery, a panel, and waste under an ultrasonic eye.

They answer at their pins as the parts' data sheets say: microvolts behind a divider in steps of a
12-bit converter, and an echo that is high while the sound is under way.
"""

import math
import random

from firmware.boards.simchips import PIN_US

STEP_UV = 3300000 // 4096
STEP_US = 8  # how finely a pulse is measured
ECHO_RISES_US = 450  # after the trigger: eight cycles at 40 kHz and the sensor's own pace
NO_ECHO_US = 38000  # how long the pin stays high if nothing comes back


class SimConverter:
    """An analogue input: `mv()` is the voltage before the divider."""

    def __init__(self, mv, ratio_x1000: int, noise_uv: int = 2000) -> None:
        self._mv = mv
        self._ratio_x1000 = ratio_x1000
        self._noise_uv = noise_uv

    def read_uv(self) -> int:
        uv = self._mv() * 1000000 // self._ratio_x1000
        uv += random.randrange(-self._noise_uv, self._noise_uv + 1)
        return max(0, min(3300000, uv)) // STEP_UV * STEP_UV


class SimUltrasonic:
    """`mm()` is the way to the surface, `temp_c()` the air's temperature.

    `strays` is the part of echoes that come from somewhere else; `silent`: nothing comes back;
    `dead`: the sensor does not even raise its pin.
    """

    def __init__(self, clock, mm, temp_c) -> None:
        self._clock = clock
        self._mm = mm
        self._temp_c = temp_c
        self._rises_us = self._falls_us = -1
        self._triggered_us = None
        self.strays = 0.0
        self.silent = self.dead = False

    def trigger(self, level: "int | None" = None) -> int:
        now_us = self._clock.now_us
        if level:
            self._triggered_us = now_us
        elif level == 0 and self._triggered_us is not None:
            if now_us - self._triggered_us >= 10 and not self.dead:
                self._rises_us = now_us + ECHO_RISES_US
                self._falls_us = self._rises_us + self._echo_us()
            self._triggered_us = None
        return 0

    def echo(self, level: "int | None" = None) -> int:
        self._clock.spend(PIN_US)
        return 1 if self._rises_us <= self._clock.now_us < self._falls_us else 0

    def pulse_us(self, pin, level: int, limit_us: int) -> int:
        """Measure a pulse as machine.time_pulse_us does: -2 if it never began, -1 if it is long."""
        for failure, wanted in ((-2, 1 - level), (-1, level)):
            started_us = self._clock.now_us
            while pin() == wanted:
                self._clock.spend(STEP_US - PIN_US)
                if self._clock.now_us - started_us > limit_us:
                    return failure
        return self._clock.now_us - started_us

    def _echo_us(self) -> int:
        if self.silent:
            return NO_ECHO_US
        mm = self._mm()
        if random.random() < self.strays:
            mm = 30 + random.randrange(4000)
        return round(2000 * mm / (343.2 * math.sqrt((273.15 + self._temp_c()) / 293.15)))
