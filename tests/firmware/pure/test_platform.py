"""What the scale does while nobody is there, and that it stops when somebody comes."""

import asyncio

from firmware import visits
from firmware.scale.calibration import calibration
from firmware.scale.platform import Platform
from firmware.scale.weighing import WINDOW
from firmware.visits import Visits

LIMITS = (10, 200, 60000)
MG = 4000  # within half of e: what zero tracking takes


class Cell:
    """A converter that always says the same counts, a milligram each; `read_times` it was asked."""

    def __init__(self, raw=MG):
        self.raw, self.read_times = raw, 0

    async def read(self):
        self.read_times += 1
        return self.raw


def platform(*cells):
    cal = calibration(1, [[0, 1000, 1]] * len(cells))
    return Platform(list(cells), cal, LIMITS, lambda: 0, lambda: None, lambda: None)


def zero_after(scale, alone):
    """Return the milligrams that the scale says after three weighings of a platform at rest."""

    async def rests():
        for _ in range(3):
            await scale.rest(alone)
        return (await scale.after()).mg

    return asyncio.run(rests())


def test_zero_is_tracked_while_nobody_is_there():
    assert zero_after(platform(Cell()), lambda: True) == 0


def test_zero_is_kept_when_somebody_comes_in_the_middle_of_the_weighing():
    weighing = WINDOW + 2
    for readings in range(weighing + 1, 2 * weighing + 1):  # of the second, which would track
        cell = Cell()

        def alone(cell=cell, readings=readings):
            return cell.read_times < readings

        assert zero_after(platform(cell), alone) == MG


def test_a_cell_that_fails_is_never_weighed_by_the_others():
    assert asyncio.run(platform(Cell(1000), Cell(2000)).after()).mg == 3000
    for cells in ((Cell(None), Cell()), (Cell(), Cell(None))):
        assert asyncio.run(platform(*cells).after()) is None


class Lid:
    open = False

    def is_open(self):
        return self.open

    def lock(self):
        pass


class Settings:
    key, min_g, max_g = bytes(32), 200, 60000


class Display:
    def __init__(self):
        self.shown = []

    def show(self, word, values=()):
        self.shown.append(word)


def test_tare_leaves_less_of_max():
    cell = Cell(50000 * 1000)
    scale, display = platform(cell), Display()
    made = Visits(scale, None, Lid(), display, Settings, None)

    async def visit(grams):
        cell.raw = grams * 1000
        made.put(("card", None))
        task = asyncio.create_task(made.run())
        for _ in range(200):
            await asyncio.sleep(0)
        task.cancel()
        return display.shown[-1]

    async def day():
        scale.zero(await scale.before())
        assert (scale.zero_g, (await scale.before()).grams) == (50000, 0)
        return await visit(60000)

    assert asyncio.run(day()) == "bin_full"


class Rests:
    """A scale that is asked to rest; it notes whether it was told that nobody is there."""

    calibration = doubt = silent = None
    restless = False
    zero_g = 0

    def __init__(self):
        self.told = []

    async def rest(self, alone):
        self.told.append(alone())


def test_scale_rests_only_with_the_lid_shut():
    usual, visits.RESTS_S = visits.RESTS_S, (0,)
    lid, scale = Lid(), Rests()
    made = Visits(scale, None, lid, None, Settings, None)

    async def for_some_turns():
        task = asyncio.create_task(made.rest())
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()

    try:
        lid.open = True
        asyncio.run(for_some_turns())
        assert scale.told == []
        lid.open = False
        asyncio.run(for_some_turns())
        assert set(scale.told) == {True}
    finally:
        visits.RESTS_S = usual


class Screen:
    def __init__(self):
        self.darkened = 0

    def dark(self):
        self.darkened += 1


def test_display_goes_dark_only_where_the_settings_say_so():
    for dark, times in ((False, 0), (True, 1)):
        settings, screen = Settings(), Screen()
        settings.dark = dark
        Visits(Rests(), None, Lid(), screen, settings, None).do_dark()
        assert screen.darkened == times
