"""All cells under one bin as one scale, and what it does between visits."""

import asyncio

from firmware.errors import FlashFault
from firmware.scale.calibration import doubt, mg_of
from firmware.scale.hx711 import HX711
from firmware.scale.weighing import Rest, Weighing

TARE = "/tare"  # "number milligrams": the zero that somebody set, and under which calibration


def of_board(board, settings, calibration, up_ms, at_s, tare=None):
    """Return the platform on a board's converters; `calibration` may be None until there is one."""
    guard = (board.lock, board.unlock, board.ticks_us, board.ticks_diff)
    converters = [HX711(dout, sck, *guard) for dout, sck in board.cells]
    limits = (settings.e_g, settings.min_g, settings.max_g)
    return Platform(converters, calibration, limits, up_ms, at_s, board.temp_c10, tare)


class Platform:
    """`converters` are read together, one for each cell of the calibration; limits are
    (e_g, min_g, max_g); `at_s()` is Unix time or None, `temp_c10()` the cells' temperature in
    tenths of a degree or None; `tare` is a Twin that keeps the zero through restarts, or None."""

    def __init__(
        self, converters: list, calibration, limits: tuple, up_ms, at_s, temp_c10, tare=None
    ) -> None:
        self._converters = converters
        self._limits = limits
        self._up_ms = up_ms
        self._at_s = at_s
        self._temp_c10 = temp_c10
        self._tare = tare
        self._turn = asyncio.Lock()
        self._raws = []
        self.silent = False  # the last weighing found no cell to trust
        self.taken = 0  # readings of the last weighing
        self.raw_zero = None  # counts of all cells when the platform was last seen empty
        self.calibrate(calibration)

    def calibrate(self, calibration) -> None:
        """Weigh by another calibration from now on. The tracked zero starts again, from the tare
        that was set under this very calibration, if there is one: a calibration ends older ones."""
        self.calibration = calibration
        self._rest = Rest(self._limits[0])
        self._number = "" if calibration is None else str(calibration.number)
        kept = (self._tare.read() or "").split() if self._tare is not None else []
        if kept[:1] == [self._number]:
            self._rest.offset_mg = int(kept[1])

    @property
    def doubt(self) -> "str | None":
        """The word for why the calibration locks crediting at this moment, or None."""
        return doubt(self.calibration, self._limits, self._at_s(), self._temp_c10())

    @property
    def zero_g(self) -> int:
        """Return the load that was taken for zero: the cells bear it beside what they say."""
        return max(0, self._rest.offset_mg // 1000)

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

    def zero(self, weight) -> None:
        """Take the weight that before() just gave for zero, until the next calibration."""
        self._rest.zero(weight, self._up_ms())
        try:
            if self._tare is not None:
                self._tare.write(self._number + " " + str(self._rest.offset_mg))
        except (FlashFault, OSError):
            pass  # then it lasts until the next start

    async def rest(self, alone) -> None:
        """Weigh for as long as `alone()` says that nobody is there; track zero and drift."""
        weight = await self._weigh(alone)
        if alone():
            self._rest.see(weight, self._up_ms())
            if weight is not None:
                self._rest.track(weight)
                if weight.stable and abs(weight.mg) <= 500 * self._limits[0]:
                    self.raw_zero = sum(self._raws)

    async def _weigh(self, wanted):
        async with self._turn:
            weighing = Weighing(self._limits[0])
            while wanted() and not weighing.add(await self._read()):
                pass  # the converters' own pace
            self.taken = weighing.taken
            found = weighing.result()
            if wanted() and self.calibration is not None:
                self.silent = found is None
        return found

    async def _read(self) -> "int | None":
        raws = self._raws = await self.raws()
        if self.calibration is None or None in raws:
            return None
        return mg_of(self.calibration, raws, self._temp_c10()) - self._rest.offset_mg

    async def raws(self) -> list:
        """Read every converter once: counts, or None where there was no reading to trust."""
        return await asyncio.gather(*[converter.read() for converter in self._converters])


def _always() -> bool:
    return True
