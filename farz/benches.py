"""The benches by name. They live in bench/, beside the rooms, and need a source checkout."""

import importlib
from typing import Any

from farz.errors import FarzError

NAMES = ("firmware", "gateway", "spine")


def run(name: str) -> dict[str, Any]:
    """Run one bench and return its report; FarzError for a name that there is not."""
    if name not in NAMES:
        raise FarzError(f"There is no bench {name!r}. There are: {', '.join(NAMES)}.")
    report: dict[str, Any] = importlib.import_module(f"bench.{name}").run()
    return report
