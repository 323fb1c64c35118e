"""A flash in memory, on CPython and MicroPython: bits only clear, and power may fail.

A cut at operation n leaves that operation undone, done in its first or second half, done, or done
in some of its bits; from then on nothing answers until power_on().
"""

MODES = ("undone", "half", "tail", "done", "bits")


class PowerCut(Exception):
    pass


class RamFlash:
    def __init__(self, sectors, sector_bytes=4096):
        self.sectors = sectors
        self.sector_bytes = sector_bytes
        self.data = bytearray(b"\xff" * sectors * sector_bytes)
        self.operations = 0
        self.bad = ()  # sectors that take nothing any more
        self.dead = ()  # ... and cannot even be read
        self.flips = 0  # one read in so many has a wrong bit; 0 is none
        self._reads = 0
        self._cut = None
        self._dead = False

    def power_on(self, cut_at=None, mode="half", seed=1):
        """Start counting operations anew; the power fails at operation `cut_at`, if any."""
        self.operations, self._dead = 0, False
        self._cut, self._mode, self._seed = cut_at, mode, seed

    def ioctl(self, operation, argument):
        if operation == 6:
            start = argument * self.sector_bytes
            self._change(start, b"\xff" * self.sector_bytes)
            return 0
        return {4: self.sectors, 5: self.sector_bytes}[operation]

    def readblocks(self, block, buffer, offset=0):
        self._live()
        if block in self.dead:
            raise OSError(5)
        start = block * self.sector_bytes + offset
        buffer[:] = self.data[start : start + len(buffer)]
        self._reads += 1
        if self.flips and buffer and self._reads % self.flips == 0:
            buffer[self._reads // self.flips * 7 % len(buffer)] ^= 1 << self._reads % 8

    def writeblocks(self, block, data, offset):
        start = block * self.sector_bytes + offset
        assert offset + len(data) <= self.sector_bytes
        self._change(start, bytes([self.data[start + i] & data[i] for i in range(len(data))]))

    def _change(self, start, data):
        self._live()
        self.operations += 1
        cut = self.operations == self._cut
        if start // self.sector_bytes in self.bad or start // self.sector_bytes in self.dead:
            data = b""
        for i in range(len(data)):
            if not cut or self._lands(i, len(data)):
                self.data[start + i] = data[i]
            elif self._mode == "bits":
                self.data[start + i] = self._mixed(self.data[start + i], data[i])
        if cut:
            self._dead = True
            raise PowerCut()

    def _lands(self, i, length):
        first = 2 * i + 1 < length
        return self._mode == "done" or self._mode == ("half" if first else "tail")

    def _mixed(self, old, new):
        """Return a byte of which some bits have changed already."""
        self._seed = (self._seed * 1103515245 + 12345) % 2**31
        mask = self._seed >> 16 & 0xFF
        return old & ~mask & 0xFF | new & mask

    def _live(self):
        if self._dead:
            raise PowerCut()
