"""All cells under one bin as one scale, and what it does between visits."""

import asyncio

from firmware.errors import SettingsFault
from firmware.scale.calibration import mg_of
from firmware.scale.hx711 import HX711
from firmware.scale.weighing import Rest, Weighing


def of_board(board, settings, up_ms):
    """Return the platform on a board's converters; SettingsFault unless each is calibrated."""
    guard = (board.lock, board.unlock, board.ticks_us, board.ticks_diff)
    converters = [HX711(dout, sck, *guard) for dout, sck in board.cells]
    if len(converters) != len(settings.calibration.cells):
        raise SettingsFault("calibration of " + str(len(converters)) + " cells")
    return Platform(converters, settings.calibration, settings.e_g, up_ms)


class Platform:
    """`converters` are read together, one for each cell of the calibration."""

    def __init__(self, converters: list, calibration, interval_g: int, up_ms) -> None:
        self._converters = converters
        self._calibration = calibration
        self._interval_g = interval_g
        self._up_ms = up_ms
        self._turn = asyncio.Lock()
        self._rest = Rest(interval_g)
        self.taken = 0  # readings of the last weighing

    @property
    def restless(self) -> bool:
        """Tell whether the load moved by itself, or found no rest, with the lid shut."""
        return self._rest.restless

    async def before(self):
        """Weigh with the lid shut since the last weighing: a Weight, or None for a lost cell."""
        weight = await self._weigh(_always)
        self._rest.see(weight, self._up_ms())
        return weight

    async def after(self):
        """Weigh what a visit left behind."""
        weight = await self._weigh(_always)
        self._rest.begin(weight, self._up_ms())
        return weight

    def disturbed(self) -> None:
        """Say that the lid was opened: the load may have changed."""
        self._rest.begin(None, self._up_ms())

    async def rest(self, alone) -> None:
        """Weigh for as long as `alone()` says that nobody is there; track zero and drift."""
        weight = await self._weigh(alone)
        if alone():
            self._rest.see(weight, self._up_ms())
            if weight is not None:
                self._rest.track(weight)

    async def _weigh(self, wanted):
        async with self._turn:
            weighing = Weighing(self._interval_g)
            while wanted() and not weighing.add(await self._read()):
                pass  # the converters' own pace
            self.taken = weighing.taken
        return weighing.result()

    async def _read(self) -> "int | None":
        raws = await asyncio.gather(*[converter.read() for converter in self._converters])
        return None if None in raws else mg_of(self._calibration, raws) - self._rest.offset_mg


def _always() -> bool:
    return True
