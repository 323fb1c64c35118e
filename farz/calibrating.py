"""From counts of the converters to a record of calibration, and whether it passes. Pure.

A protocol is what was measured, as JSON: zero, a known weight over each cell (or in the middle, if
there is one converter), and check weights. Spans are the solution of one linear equation for each
known weight; the checks are weighed with the firmware's own arithmetic and judged by the
permissible errors of class III (firmware/scale/limits.py), without a claim of the class.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

from farz.errors import FarzError
from firmware.scale.calibration import calibration, mg_of
from firmware.scale.limits import RECORDED_G, Range, permissible_mg, unlike_class_iii

SPAN_G = 10_000  # a cell's span is written as counts for so many grams
MIDDLE = "middle"
LEAST_C = 5  # degrees between readings that tell a temperature fit


@dataclass(frozen=True)
class Reading:
    """What the converters said under one load; `place` is "middle" or "corner 1" and so on."""

    grams: int
    place: str
    counts: list[int]
    temp_c10: int | None = None


@dataclass
class Protocol:
    """Everything that was measured in one calibration; limits are [e_g, min_g, max_g]."""

    device: str
    number: int
    limits: list[int]
    zero: Reading
    spans: list[Reading] = field(default_factory=list)
    checks: list[Reading] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Protocol":
        """Read what as_dict() wrote. FarzError if it is not that."""
        try:
            return cls(
                device=body["device"],
                number=body["number"],
                limits=list(body["limits"]),
                zero=Reading(**body["zero"]),
                spans=[Reading(**each) for each in body["spans"]],
                checks=[Reading(**each) for each in body["checks"]],
            )
        except (KeyError, TypeError) as error:
            raise FarzError(f"This is no protocol of a calibration: {error}") from None


@dataclass(frozen=True)
class Verdict:
    """One check weight: the error and what is permissible, in milligrams."""

    grams: int
    place: str
    error_mg: int
    permissible_mg: int

    @property
    def passed(self) -> bool:
        return abs(self.error_mg) <= self.permissible_mg


@dataclass(frozen=True)
class Outcome:
    """The cells as a record of calibration has them, and every check's verdict."""

    cells: list[list[int]]
    verdicts: list[Verdict]
    notes: list[str]

    @property
    def passed(self) -> bool:
        return bool(self.verdicts) and all(each.passed for each in self.verdicts)


def fitted(protocol: Protocol, others: Sequence[Protocol]) -> list[int]:
    """[ref_c10, zero_mg_c, span_ppm_c]: how zero and span move with the temperature.

    `others` are protocols of the same scale at other temperatures. By least squares over all their
    readings, in fractions: what a calibration made at `ref_c10` says of W milligrams, dT degrees
    away, is z + a dT + W (s + b dT); a and b are wanted, z and s are what the calibration itself
    takes care of. FarzError if the temperatures lie too near, or a scale was never empty or loaded.
    """
    ref_c10 = protocol.zero.temp_c10
    made = calibration(protocol.number, solve(protocol.zero, protocol.spans))
    rows = []
    for each in [protocol, *others]:
        for reading in [each.zero, *each.spans, *each.checks]:
            if reading.temp_c10 is None or ref_c10 is None:
                raise FarzError("A reading has no temperature: the bin needs its sensor.")
            away, load_mg = Fraction(reading.temp_c10 - ref_c10, 10), 1000 * reading.grams
            said_mg = mg_of(made, reading.counts)
            rows.append([Fraction(1), away, Fraction(load_mg), load_mg * away, Fraction(said_mg)])
    temps = [row[1] for row in rows]
    if max(temps) - min(temps) < LEAST_C:
        raise FarzError(f"The temperatures lie within {LEAST_C} degrees; wait for another day.")
    normal = [[sum((r[i] * r[j] for r in rows), Fraction(0)) for j in range(5)] for i in range(4)]
    _, zero_mg_c, _, span_c = _eliminated(normal)
    return [int(ref_c10 or 0), round(zero_mg_c), round(1_000_000 * span_c)]


def places(cells: int) -> list[str]:
    """Where known weights stand: over each cell; in the middle if there is one converter."""
    return [MIDDLE] if cells == 1 else [f"corner {number}" for number in range(1, cells + 1)]


def check_plan(limits: Sequence[int]) -> list[tuple[int, str]]:
    """25, 50 and 100 per cent of Max in the middle, and a third of it over each of four corners."""
    most = limits[2]
    middle = [(most // 4, MIDDLE), (most // 2, MIDDLE), (most, MIDDLE)]
    return middle + [(most // 3, f"corner {number}") for number in range(1, 5)]


def judge(protocol: Protocol, *, in_service: bool = False, fit: list[int] | None = None) -> Outcome:
    """Work out the cells and weigh every check with them. FarzError if they cannot be told."""
    cells = solve(protocol.zero, protocol.spans)
    made = calibration(protocol.number, cells, fit)
    interval_g = protocol.limits[0]
    zero_mg = mg_of(made, protocol.zero.counts, protocol.zero.temp_c10)
    verdicts = [
        Verdict(
            check.grams,
            check.place,
            mg_of(made, check.counts, check.temp_c10) - zero_mg - 1000 * check.grams,
            permissible_mg(1000 * check.grams, interval_g, in_service),
        )
        for check in protocol.checks
    ]
    e_g, min_g, max_g = protocol.limits
    return Outcome(cells, verdicts, unlike_class_iii(Range(e_g, RECORDED_G, min_g, max_g)))


def solve(zero: Reading, spans: Sequence[Reading]) -> list[list[int]]:
    """Return [zero, counts, grams] of each cell from as many known weights as there are cells.

    Each weight W gives one equation: the sum over all cells of (counts - zero) x span is W.
    """
    size = len(zero.counts)
    if len(spans) != size or any(len(each.counts) != size for each in spans):
        raise FarzError(f"{size} cells need {size} known weights, one over each.")
    rows = [
        [Fraction(c - z) for c, z in zip(each.counts, zero.counts, strict=True)]
        + [Fraction(each.grams)]
        for each in spans
    ]
    grams_a_count = _eliminated(rows)
    if any(abs(span) > RECORDED_G for span in grams_a_count):
        raise FarzError(
            "A cell moved by less than a count a gram. Is the weight on it, are its wires right?"
        )
    return [
        [z, round(SPAN_G / span), SPAN_G]
        for z, span in zip(zero.counts, grams_a_count, strict=True)
    ]


def _eliminated(rows: list[list[Fraction]]) -> list[Fraction]:
    """Solve a square system, each row with its right side at the end (Gauss-Jordan)."""
    for column in range(len(rows)):
        pivot = max(rows[column:], key=lambda row: abs(row[column]))
        if pivot[column] == 0:
            raise FarzError("The known weights do not tell the cells apart. Put one over each.")
        rows.remove(pivot)
        rows.insert(column, [value / pivot[column] for value in pivot])
        for other, row in enumerate(rows):
            if other != column:
                rows[other] = [v - row[column] * p for v, p in zip(row, rows[column], strict=True)]
    return [row[-1] for row in rows]
