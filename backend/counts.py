"""Counts that many threads add to: what was answered, written, lost."""

import threading


class Counts:
    """Names and how often each was added; none is ever lost between two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def add(self, name: str, n: int = 1) -> None:
        if n:
            with self._lock:
                self._counts[name] = self._counts.get(name, 0) + n

    def now(self) -> dict[str, int]:
        """Return a copy."""
        with self._lock:
            return dict(self._counts)
