"""What time it is, and how sure of it the bin is.

Uptime never wraps, though the board's millisecond ticks do after 12.4 days. Unix time is the last
answer of the network's time plus uptime since: `synced` for a day, then `holdover`, and `unset`
before the first answer.

The network's time is not signed, and certificates are judged by this clock: an answer is believed
only within bounds. It may not lie before the lower bound, which is kept on the flash and only
grows. Once there was an answer, another may differ from this clock by a little more than a crystal
drifts; before that it may lie ahead of the bound by as long as a bin may have lain in a store. No
answer lies before this program was made, or twenty years after, not even a new bin's first. What
is outside is refused, told, and left to a person at the bin, who may set any time in those years.
"""

from firmware.errors import FlashFault

TICKS = 1 << 30  # the ESP32's ticks wrap here
SYNCED_MS = 24 * 3600 * 1000
# What ntptime makes of a server's zero, which means that it does not know (RFC 5905, section 7.3).
NTP_ZERO_S = (1 << 32) - 2208988800
EPOCH_2000_S = 946684800  # 2000-01-01 in Unix time
BUILT_S = 1767225600  # 2026-01-01: no bin has seen an earlier day
LATEST_S = BUILT_S + 20 * 365 * 24 * 3600  # nor will it live to see a later one
BACK_S = 600  # answers may lie this much before the lower bound: another server, a leap second
JUMP_S, DRIFT_PPM = 600, 200  # ten times what crystals of 20 ppm do
STORED_S = 400 * 24 * 3600  # ahead of the lower bound, at the first answer after a start
KEEP_EVERY_S = 6 * 3600  # how much the lower bound grows before it is written again


def unix_s(port_s: int, epoch_year: int) -> int:
    """Turn a port's seconds into Unix time; ESP32 ports may count from 2000 (gmtime(0)[0])."""
    return port_s + (EPOCH_2000_S if epoch_year == 2000 else 0)


class Clock:
    """`ticks_ms()` must be read at least once in 12 days, which every task here does; `kept` has
    read() and write(text), and holds the lower bound."""

    def __init__(self, ticks_ms, kept=None) -> None:
        self._ticks_ms = ticks_ms
        self._last = ticks_ms()
        self._up_ms = 0
        self._synced = None  # (Unix seconds, up_ms) of the last answer that was believed
        self._kept = kept
        bound_s = _number(kept.read()) if kept is not None else 0
        self.least_s = max(BUILT_S, bound_s)
        self._new = not bound_s  # a bin that never knew the time believes its first answer
        self.refused = None  # (own seconds or None, answer) that was not believed last

    def up_ms(self) -> int:
        """Return milliseconds since the start of the device."""
        now = self._ticks_ms()
        self._up_ms += (now - self._last) % TICKS
        self._last = now
        return self._up_ms

    def sync(self, unix_s: int) -> bool:
        """Take the network's time; False if it is not to be believed."""
        own_s = self.at_s()
        if not self._believes(unix_s, own_s):
            self.refused = (own_s, unix_s)
            return False
        self._set(unix_s)
        if unix_s - self.least_s >= KEEP_EVERY_S:
            try:
                self._keep(unix_s)
            except (FlashFault, OSError):
                pass  # the next start judges by the bound that the flash still has
        return True

    def repair(self, unix_s: int) -> None:
        """Take a person's word at the bin for the time, and for the lower bound too."""
        if not BUILT_S <= unix_s <= LATEST_S:
            raise ValueError("no bin sees that day")
        self._set(unix_s)
        self._keep(unix_s)

    def at_s(self) -> "int | None":
        """Return Unix seconds, or None while nobody has told."""
        if self._synced is None:
            return None
        return self._synced[0] + (self.up_ms() - self._synced[1]) // 1000

    def surely_s(self) -> int:
        """Return the best time to judge a certificate by: it is at least this late."""
        return max(self.least_s, self.at_s() or 0)

    def quality(self) -> str:
        """Return synced, holdover or unset."""
        if self._synced is None:
            return "unset"
        return "synced" if self.up_ms() - self._synced[1] < SYNCED_MS else "holdover"

    def _believes(self, unix_s: int, own_s: "int | None") -> bool:
        if not max(BUILT_S, self.least_s - BACK_S) <= unix_s <= LATEST_S:
            return False
        if own_s is None or self._synced is None:
            return self._new or unix_s <= self.least_s + STORED_S
        elapsed_s = own_s - self._synced[0]
        return abs(unix_s - own_s) <= JUMP_S + elapsed_s * DRIFT_PPM // 1000000

    def _set(self, unix_s: int) -> None:
        self._synced = (unix_s, self.up_ms())
        self.refused = None

    def _keep(self, unix_s: int) -> None:
        self.least_s, self._new = unix_s, False
        if self._kept is not None:
            self._kept.write(str(unix_s))


def _number(text: "str | None") -> int:
    return int(text) if text and text.isdigit() else 0
