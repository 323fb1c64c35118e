"""What turns counts of the converters into milligrams: a numbered zero and span for each cell.

Pure, integers only. In the settings a cell is [zero, counts, grams]: `counts` of its converter
above `zero` are `grams`; a cell wired the other way round has negative counts.
"""

from collections import namedtuple

from firmware.errors import SettingsFault

Calibration = namedtuple("Calibration", "number cells")
Cell = namedtuple("Cell", "zero counts mg")


def calibration(number: int, cells: list) -> Calibration:
    """Return a Calibration, or raise SettingsFault if it could not weigh."""
    if number < 0 or not cells:
        raise SettingsFault("calibration")
    return Calibration(number, [_cell(*cell) for cell in cells])


def _cell(zero: int, counts: int, grams: int) -> Cell:
    if counts == 0 or grams <= 0:
        raise SettingsFault("calibration")
    return Cell(zero, abs(counts), 1000 * grams if counts > 0 else -1000 * grams)


def mg_of(cal: Calibration, raws: list) -> int:
    """Return the milligrams, each cell rounded half up, of one raw reading of every cell."""
    total = 0
    for cell, raw in zip(cal.cells, raws):
        total += (2 * (raw - cell.zero) * cell.mg + cell.counts) // (2 * cell.counts)
    return total


def raw_of(cell: Cell, mg: int) -> int:
    """Return the counts at which a cell says so many milligrams."""
    return cell.zero + (2 * mg * cell.counts + cell.mg) // (2 * cell.mg)
