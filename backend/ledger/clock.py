"""The recorded time of a batch: the machine's clock, as far as it can be believed.

What is recorded stays for ever, so a clock that leaps is refused rather than written down.
"""

from collections.abc import Callable
from dataclasses import dataclass

from backend.ledger.errors import ClockLeap


@dataclass(slots=True)
class BooksClock:
    """`now_us` is the wall clock, Unix time in microseconds; `steady_us` is never stepped.

    The bounds are seconds: how far a batch may lie after and before the last one, and how far
    the wall clock may run from the steady one while the books are open.
    """

    now_us: Callable[[], int]
    steady_us: Callable[[], int] | None
    max_forward_s: int
    max_back_s: int
    max_leap_s: int
    _agreed: tuple[int, int] | None = None  # wall and steady, when they last agreed

    def read(self, last_us: int) -> int:
        """The batch's time, not before `last_us`. Raises ClockLeap."""
        now_us = self.now_us()
        self._check_step(now_us)
        ahead_s = (now_us - last_us) // 1_000_000
        if -self.max_back_s <= ahead_s <= self.max_forward_s:
            return max(now_us - 1, last_us)
        paused = "; if it is right, the books paused: start once with FARZ_ALLOW_LEAP=true"
        raise ClockLeap(
            f"This machine's clock is {abs(ahead_s)} s {'ahead of' if ahead_s > 0 else 'behind'} "
            f"the last entry in the books. Set its date right{paused if ahead_s > 0 else ''}."
        )

    def _check_step(self, now_us: int) -> None:
        """Raises ClockLeap if the wall clock was stepped since the last batch."""
        if self.steady_us is None:
            return
        now = (now_us, self.steady_us())
        wall_us, steady_us = self._agreed or now
        leap_s = ((now_us - wall_us) - (now[1] - steady_us)) // 1_000_000
        if abs(leap_s) > self.max_leap_s:
            raise ClockLeap(
                f"This machine's clock was set {'forward' if leap_s > 0 else 'back'} by "
                f"{abs(leap_s)} s while the books were open. Set its date right; if it is right "
                "now, start the backend again."
            )
        self._agreed = now
