"""The lid: an electric lock, and a switch that closes when the lid is shut.

Which way a lock falls without power is a property of the lock and chosen for each bin: `safe` is
"locked" (power opens it) or "unlocked" (power holds it, so that a dead bin still takes waste). The
pin at 0 is always the safe state, also while the controller starts.
"""

SAFE = ("locked", "unlocked")


class Lid:
    def __init__(self, lock, switch, safe: str = "locked") -> None:
        self._pin = lock
        self._switch = switch
        self._powered_opens = safe == "locked"
        self._may_open = False
        self.lock()

    def unlock(self) -> None:
        self._set(True)

    def lock(self) -> None:
        self._set(False)

    def rest(self) -> None:
        """Fall into the safe state and draw no power."""
        self._may_open = not self._powered_opens
        self._pin(0)

    def may_open(self) -> bool:
        """Tell whether the lock lets the lid open; if not, an open lid was forced."""
        return self._may_open

    def is_open(self) -> bool:
        return bool(self._switch())

    def _set(self, may_open: bool) -> None:
        self._may_open = may_open
        self._pin(1 if may_open == self._powered_opens else 0)
