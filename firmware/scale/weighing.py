"""From readings in milligrams to one weight with its evidence. Pure.

A median of three removes single spikes. A weight is stable when the readings of a whole window lie
within half the scale's interval (peak to peak), and its value is the mean of that window without
its lowest and highest. A platform that moves finds a calm window now and then: so half of all
readings taken must lie in it, however long that takes. A failed reading empties the window, and a
cell that fails MISSES times in one weighing is not trusted: a clock pulse that is lost each time
shows in every second reading only. Net weight is the difference of two such values at 1 g.
"""

from collections import namedtuple

WINDOW = 8  # readings; 0.8 s at the converter's 10 per second
PATIENCE = 80  # readings without rest before the weight is called unstable
MISSES = 3  # failed readings in one weighing before the cell is given up
AGREEMENTS = 3  # weighings at rest that must agree after a restless one
MINUTE_MS = 60000

# grams; peak to peak of the window in grams; readings in it; whether it was at rest; milligrams.
Weight = namedtuple("Weight", "grams p2p_g n stable mg")


class Weighing:
    """One weighing: feed it readings until it is over."""

    def __init__(self, interval_g: int) -> None:
        self._half_mg = 500 * interval_g
        self._three = []
        self._window = []
        self.taken = 0
        self._missed = 0

    def add(self, mg: "int | None") -> bool:
        """Take one reading, None for a failed one; return True once the weighing is over."""
        self.taken += 1
        if mg is None:
            self._missed += 1
            self._three, self._window = [], []
        else:
            self._push(mg)
        return self._lost() or self.taken >= PATIENCE or self._at_rest()

    def result(self) -> "Weight | None":
        """Return what was weighed, or None if there is nothing to tell it from."""
        if self._lost() or not self._calm():
            return None
        calm = self._calm()
        inner = sorted(calm)[1:-1] or calm
        mg = (2 * sum(inner) + len(inner)) // (2 * len(inner))
        p2p_g = -(-(max(calm) - min(calm)) // 1000)
        return Weight((mg + 500) // 1000, p2p_g, len(calm), self._at_rest(), mg)

    def _push(self, mg: int) -> None:
        self._three = self._three[-2:] + [mg]
        if len(self._three) == 3:
            self._window.append(sorted(self._three)[1])

    def _wanted(self) -> int:
        return max(WINDOW, self.taken // 2)

    def _calm(self) -> list:
        return self._window[-self._wanted() :]

    def _lost(self) -> bool:
        return self._missed >= MISSES

    def _at_rest(self) -> bool:
        calm = self._calm()
        return len(calm) == self._wanted() and max(calm) - min(calm) <= self._half_mg


class Rest:
    """What the platform does while the lid is shut and nobody is there.

    `offset_mg` is the tracked zero. `restless` says that no rest was found, or that the load moved
    by more than a quarter of the interval a minute, and that it has not agreed AGREEMENTS times
    since, or once since the start: what is weighed then needs a person.
    """

    def __init__(self, interval_g: int) -> None:
        self._quarter_mg = 250 * interval_g
        self._last = None  # (milligrams, up_ms) of the last weighing at rest
        self.offset_mg = 0
        self._doubts = 1

    @property
    def restless(self) -> bool:
        return self._doubts > 0

    def see(self, weight: "Weight | None", up_ms: int) -> None:
        """Compare a weight with the last one; nobody may have opened the lid between."""
        if weight is None or not weight.stable:
            self._doubts = AGREEMENTS
        elif self._last is not None:
            span_ms = max(MINUTE_MS, up_ms - self._last[1])
            moved_mg = abs(weight.mg - self._last[0])
            moved = moved_mg * MINUTE_MS > self._quarter_mg * span_ms
            self._doubts = AGREEMENTS if moved else max(0, self._doubts - 1)
        self.begin(weight, up_ms)

    def begin(self, weight: "Weight | None", up_ms: int) -> None:
        """Start from a weight that a visit left behind, or from none."""
        self._last = None
        if weight is not None and weight.stable:
            self._last = (weight.mg, up_ms)

    def zero(self, weight: Weight, up_ms: int) -> None:
        """Take a weight at rest, however heavy, for zero."""
        self.offset_mg += weight.mg
        self._last = (0, up_ms)

    def track(self, weight: Weight) -> None:
        """Take what lies within half an interval of zero for zero.

        Only for the weight seen last, with the lid shut and nobody there.
        """
        if weight.stable and not self.restless and abs(weight.mg) <= 2 * self._quarter_mg:
            self.offset_mg += weight.mg
            self._last = None if self._last is None else (0, self._last[1])
