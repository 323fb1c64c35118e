"""Reports that may be lost: telemetry and states, kept in memory up to a bound, the oldest shed.

They travel apart from records, so that no flood of them can delay a receipt.
"""

import threading
from collections import deque
from typing import Any

from edge_gateway.inbox import Report


class Telemetry:
    """Points in their order, and the last state of each device."""

    def __init__(self, points_max: int) -> None:
        self.lost = 0
        self._points: deque[dict[str, Any]] = deque()
        self._states: dict[str, dict[str, Any]] = {}
        self._max = points_max
        self._lock = threading.Lock()

    def add(self, report: Report, received_s: int) -> None:
        stamp = {"device": report.device, "received_s": received_s}
        with self._lock:
            if report.channel == "state":
                self._states[report.device] = {**stamp, **report.body}
                self._bound_states()
                return
            self._points.append({**stamp, "body": report.body})
            if len(self._points) > self._max:
                self._points.popleft()
                self.lost += 1

    def _bound_states(self) -> None:
        if len(self._states) > self._max:
            self._states.pop(next(iter(self._states)))
            self.lost += 1

    @property
    def depth(self) -> int:
        return len(self._points) + len(self._states)

    def take(self, limit: int = 500) -> dict[str, list[dict[str, Any]]]:
        """Remove and return up to `limit` points and every state."""
        with self._lock:
            points = [self._points.popleft() for _ in range(min(limit, len(self._points)))]
            states, self._states = list(self._states.values()), {}
        states = [{k: s[k] for k in ("device", "received_s", "state", "session")} for s in states]
        return {"points": points, "states": states}

    def put_back(self, taken: dict[str, list[dict[str, Any]]]) -> None:
        """Return what could not be sent; newer reports win over it."""
        with self._lock:
            room = max(0, self._max - len(self._points))
            kept = taken["points"][-room:] if room else []
            self.lost += len(taken["points"]) - len(kept)
            self._points.extendleft(reversed(kept))
            for state in taken["states"]:
                self._states.setdefault(state["device"], state)
