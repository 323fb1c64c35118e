"""The shape of a bench's report: figures with their spread, and the names of those that fall short.

A figure is {"value", "at_least", "aim", "unit"}; `spread` is the lowest and highest round.
"""

import statistics
from collections.abc import Sequence
from typing import Any

Figures = dict[str, dict[str, Any]]


def of_rounds(
    values: Sequence[float],
    unit: str,
    at_least: float | None = None,
    aim: float | None = None,
    digits: int = 3,
) -> dict[str, Any]:
    """The median of the rounds, with its spread."""
    return {
        "value": round(statistics.median(values), digits),
        "at_least": at_least,
        "aim": aim,
        "unit": unit,
        "spread": [round(min(values), digits), round(max(values), digits)],
    }


def not_measured(why: str, unit: str, at_least: float | None, aim: float | None) -> dict[str, Any]:
    """A figure that could not be had here, with the reason; it counts as short."""
    return {"value": None, "at_least": at_least, "aim": aim, "unit": unit, "why": why}


def report(bench: str, figures: Figures) -> dict[str, Any]:
    """The bench's report; what was not measured is short too."""
    short = [
        name
        for name, figure in figures.items()
        if figure["at_least"] is not None
        and (figure["value"] is None or figure["value"] < figure["at_least"])
    ]
    return {"bench": bench, "figures": figures, "short": short}
