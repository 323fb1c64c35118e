"""What time it is, and how sure of it the bin is.

Uptime never wraps, though the board's millisecond ticks do after 12.4 days. Unix time is the last
answer of the network's time plus uptime since: `synced` for a day, then `holdover`, and `unset`
before the first answer.
"""

TICKS = 1 << 30  # the ESP32's ticks wrap here
SYNCED_MS = 24 * 3600 * 1000
EPOCH_2000_S = 946684800  # 2000-01-01 in Unix time


def unix_s(port_s: int, epoch_year: int) -> int:
    """Turn a port's seconds into Unix time; ESP32 ports may count from 2000 (gmtime(0)[0])."""
    return port_s + (EPOCH_2000_S if epoch_year == 2000 else 0)


class Clock:
    """`ticks_ms()` must be read at least once in 12 days, which every task here does."""

    def __init__(self, ticks_ms) -> None:
        self._ticks_ms = ticks_ms
        self._last = ticks_ms()
        self._up_ms = 0
        self._synced = None  # (Unix seconds, up_ms) of the last answer

    def up_ms(self) -> int:
        """Return milliseconds since the start of the device."""
        now = self._ticks_ms()
        self._up_ms += (now - self._last) % TICKS
        self._last = now
        return self._up_ms

    def sync(self, unix_s: int) -> None:
        """Take the network's time."""
        self._synced = (unix_s, self.up_ms())

    def at_s(self) -> "int | None":
        """Return Unix seconds, or None while nobody has told."""
        if self._synced is None:
            return None
        return self._synced[0] + (self.up_ms() - self._synced[1]) // 1000

    def quality(self) -> str:
        """Return synced, holdover or unset."""
        if self._synced is None:
            return "unset"
        return "synced" if self.up_ms() - self._synced[1] < SYNCED_MS else "holdover"
