"""What turns counts of the converter into grams: a numbered zero and a rational span.

Pure, integers only. `counts` of the converter above zero are `grams`; a cell wired the other way
round has negative counts.
"""

from collections import namedtuple

from firmware.errors import SettingsFault

Calibration = namedtuple("Calibration", "number zero counts grams")


def calibration(number: int, zero: int, counts: int, grams: int) -> Calibration:
    """Return a Calibration, or raise SettingsFault if it could not weigh."""
    if number < 0 or counts == 0 or grams <= 0:
        raise SettingsFault("calibration")
    if counts < 0:
        counts, grams = -counts, -grams
    return Calibration(number, zero, counts, grams)


def grams_of(cal: Calibration, raw_sum: int, n: int) -> int:
    """Return the grams, rounded half up, of the mean of n raw readings given as their sum."""
    numerator = (raw_sum - n * cal.zero) * cal.grams
    denominator = n * cal.counts
    return (2 * numerator + denominator) // (2 * denominator)


def grams_between(cal: Calibration, low: int, high: int) -> int:
    """Return the grams, rounded up, between two raw readings."""
    return -(-(high - low) * abs(cal.grams) // cal.counts)


def zeroed(cal: Calibration, raw_sum: int, n: int) -> Calibration:
    """Return the calibration whose zero is the mean of n raw readings."""
    return Calibration(cal.number, (2 * raw_sum + n) // (2 * n), cal.counts, cal.grams)
