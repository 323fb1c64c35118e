"""From raw readings to one weight with its evidence. Pure.

A median of three removes single spikes; a weight is stable when the readings of a whole window
lie within the scale's interval (peak to peak), as industrial indicators decide it, and its value
is the mean of that window. Net weight is the difference of two such values at 1 g.
"""

from collections import namedtuple

from firmware.scale.calibration import Calibration, grams_between, grams_of

WINDOW = 8  # readings; 0.8 s at the converter's 10 per second
PATIENCE = 80  # readings without rest before the weight is called unstable
LOST = 10  # failed readings in a row before the cell is given up

# grams; peak to peak of the window in grams; readings in it; whether it was at rest.
Weight = namedtuple("Weight", "grams p2p_g n stable")


class Weighing:
    """One weighing: feed it readings until it is over.

    add(raw or None) -> None while more are needed; result() -> Weight, or None if the cell is lost.
    """

    def __init__(self, cal: Calibration, interval_g: int) -> None:
        self._cal = cal
        self._interval_g = interval_g
        self._three = []
        self._window = []
        self._taken = 0
        self._missed = 0

    def add(self, raw: "int | None") -> bool:
        """Take one reading, None for a failed one; return True once the weighing is over."""
        self._taken += 1
        if raw is None:
            self._missed += 1
        else:
            self._missed = 0
            self._push(raw)
        return self._missed >= LOST or self._taken >= PATIENCE or self._at_rest()

    def result(self) -> "Weight | None":
        """Return what was weighed, or None if there is nothing to tell it from."""
        if self._missed >= LOST or not self._window:
            return None
        grams = grams_of(self._cal, sum(self._window), len(self._window))
        return Weight(grams, self._spread_g(), len(self._window), self._at_rest())

    def _push(self, raw: int) -> None:
        self._three = self._three[-2:] + [raw]
        if len(self._three) == 3:
            self._window = self._window[1 - WINDOW :] + [sorted(self._three)[1]]

    def _spread_g(self) -> int:
        return grams_between(self._cal, min(self._window), max(self._window))

    def _at_rest(self) -> bool:
        return len(self._window) == WINDOW and self._spread_g() <= self._interval_g
