"""Battery and solar panel: two voltages behind dividers, and what follows from them.

The radio naps while nobody is there. Below `low_mv` it always does, every deposit carries the flag
low_battery, and the card is looked for less often; below `least_mv`, where the lock's coil might
starve the controller in the middle of a visit, nobody is let in until `low_mv` is reached again.
Both are data of the bin.
"""

READINGS = 5


class Power:
    """`battery` and `solar` are converters with read_uv(); `ratio_x1000` is the dividers'."""

    def __init__(self, battery, solar, ratio_x1000: int, low_mv: int, least_mv: int) -> None:
        self._battery = battery
        self._solar = solar
        self._ratio_x1000 = ratio_x1000
        self._low_mv = low_mv
        self._least_mv = least_mv
        self._exhausted = False
        self._naps = None  # whether the radio was told to
        self.battery_mv = self.solar_mv = None

    @property
    def low(self) -> bool:
        return self.battery_mv is not None and self.battery_mv < self._low_mv

    def measure(self) -> None:
        """Read both voltages."""
        self.battery_mv = self._read(self._battery)
        self.solar_mv = self._read(self._solar)
        least_mv = self._low_mv if self._exhausted else self._least_mv
        self._exhausted = self.battery_mv < least_mv

    def nap(self, alone: bool, save_power) -> None:
        """Tell the radio, by save_power(naps), whenever it may nap from now on or no more."""
        naps = alone or self.low
        if naps != self._naps:
            self._naps = naps
            save_power(naps)

    def obstacle(self) -> "str | None":
        """Return the word for why nobody can be let in, or None."""
        return "battery_low" if self._exhausted else None

    def flag(self) -> "str | None":
        """Return the flag that a deposit carries now, or None."""
        return "low_battery" if self.low else None

    def _read(self, converter) -> int:
        """Return millivolts: the median, for the radio's bursts disturb single readings."""
        readings_uv = sorted([converter.read_uv() for _ in range(READINGS)])
        return readings_uv[READINGS // 2] * self._ratio_x1000 // 1000000
