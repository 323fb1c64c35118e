"""A flash partition in a file: programming only clears bits, erasing takes a sector, power fails.

`cuts` says at which operation of this start the power fails, and how many per cent of it are done
by then; the process ends there as a board without power does. `bad` sectors take nothing any more.
"""

SECTOR_BYTES = 4096
CUT_EXIT = 4


class PowerCut(BaseException):
    """Nothing on the board may catch this."""


class SimFlash:
    def __init__(self, path: str, sectors: int, cuts: list, bad: tuple = ()) -> None:
        self._file = _open(path, sectors)
        self._sectors = sectors
        self._cuts = {cut["op"]: cut.get("percent", 50) for cut in cuts}
        self._bad = bad
        self.operations = 0

    def ioctl(self, operation: int, argument: int) -> int:
        if operation == 6:
            self._change(argument * SECTOR_BYTES, b"\xff" * SECTOR_BYTES)
            return 0
        return {4: self._sectors, 5: SECTOR_BYTES}[operation]

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        self._file.seek(block * SECTOR_BYTES + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block: int, data: bytes, offset: int) -> None:
        before = bytearray(len(data))
        self.readblocks(block, before, offset)
        cleared = bytes([a & b for a, b in zip(before, data)])
        self._change(block * SECTOR_BYTES + offset, cleared)

    def _change(self, at: int, data: bytes) -> None:
        self.operations += 1
        if at // SECTOR_BYTES in self._bad:
            data = b""
        percent = self._cuts.get(self.operations)
        if percent is not None:
            data = data[: len(data) * percent // 100]
        self._file.seek(at)
        self._file.write(data)
        if percent is not None:
            raise PowerCut(self.operations)


def _open(path: str, sectors: int):
    try:
        return open(path, "r+b")
    except OSError:
        with open(path, "wb") as file:
            for _ in range(sectors):
                file.write(b"\xff" * SECTOR_BYTES)
        return open(path, "r+b")
