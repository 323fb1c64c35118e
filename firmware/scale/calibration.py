"""What turns counts of the converters into milligrams: zero and span of each cell, and who says so.

Pure, integers only. In a record of calibration a cell is [zero, counts, grams]: `counts` of its
converter above `zero` are `grams`; a cell wired the other way round has negative counts. A fit is
[ref_c10, zero_mg_c, span_ppm_c]: how zero and span move with each degree away from `ref_c10`,
both linear, fitted to what this very scale did.
"""

from collections import namedtuple

from firmware.errors import SettingsFault

Cell = namedtuple("Cell", "zero counts mg")
Fit = namedtuple("Fit", "ref_c10 zero_mg_c span_ppm_c")
# `passed` is the verdict of the checks; `limits` are (e_g, min_g, max_g) it was judged by.
FIELDS = "number cells fit passed limits from_s until_s seal by"
Calibration = namedtuple("Calibration", FIELDS)

MOST_CELLS = 7  # what a record of the journal has room for
FAILED, EXPIRED, RANGE, TEMPERATURE = "failed", "expired", "other range", "no temperature"


def calibration(number: int, cells: list, fit=None, **about) -> Calibration:
    """Return a Calibration, or raise SettingsFault if it could not weigh.

    `about` are the other fields; without them it has passed, for any range, and does not end.
    """
    if not _is_int(number, 0) or not 0 < len(cells) <= MOST_CELLS:
        raise SettingsFault("calibration")
    values = {"passed": True, "limits": None, "from_s": 0, "until_s": None, "seal": "", "by": ""}
    values.update(about)
    values.update(number=number, cells=[_cell(*cell) for cell in cells], fit=_fit(fit))
    return Calibration(*[values[name] for name in FIELDS.split()])


def _cell(zero: int, counts: int, grams: int) -> Cell:
    if not _is_int(zero) or not _is_int(counts) or counts == 0 or not _is_int(grams, 1):
        raise SettingsFault("calibration")
    return Cell(zero, abs(counts), 1000 * grams if counts > 0 else -1000 * grams)


def _fit(values) -> "Fit | None":
    if values is None:
        return None
    if len(values) != 3 or not all([_is_int(value) for value in values]):
        raise SettingsFault("temperature fit")
    return Fit(*values)


def _is_int(value, least: int = -(1 << 40)) -> bool:
    return type(value) is int and least <= value < 1 << 40


def doubt(cal: "Calibration | None", limits: tuple, at_s: "int | None", temp_c10: "int | None"):
    """Return the word for why what this calibration weighs may not be credited, or None.

    `limits` are the scale's own (e_g, min_g, max_g). A clock that nobody has set knows no end.
    """
    if cal is None or not cal.passed:
        return FAILED
    if cal.until_s is not None and at_s is not None and at_s >= cal.until_s:
        return EXPIRED
    if cal.limits is not None and tuple(cal.limits) != limits:
        return RANGE
    return TEMPERATURE if cal.fit is not None and temp_c10 is None else None


def mg_of(cal: Calibration, raws: list, temp_c10: "int | None" = None) -> int:
    """Return the milligrams, each cell rounded half up, of one raw reading of every cell."""
    total = 0
    for cell, raw in zip(cal.cells, raws):
        total += _rounded((raw - cell.zero) * cell.mg, cell.counts)
    if cal.fit is None or temp_c10 is None:
        return total
    away_c10 = temp_c10 - cal.fit.ref_c10
    total -= _rounded(cal.fit.zero_mg_c * away_c10, 10)
    return _rounded(total * 10000000, 10000000 + cal.fit.span_ppm_c * away_c10)


def raw_of(cell: Cell, mg: int) -> int:
    """Return the counts at which a cell says so many milligrams."""
    return cell.zero + (2 * mg * cell.counts + cell.mg) // (2 * cell.mg)


def _rounded(dividend: int, divisor: int) -> int:
    """Divide and round half up."""
    return (2 * dividend + divisor) // (2 * divisor)
