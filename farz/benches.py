"""The benches by name. They live in bench/, beside the rooms, and need a source checkout."""

import importlib
import sys
from typing import Any

from farz.errors import FarzError
from farz.processes import ROOT

NAMES = (
    "firmware",
    "gateway",
    "http-posts",
    "ledger",
    "ledger-long",
    "peers",
    "programme",
    "spine",
)


def run(name: str) -> dict[str, Any]:
    """Run one bench and return its report; FarzError for a name that there is not."""
    if name not in NAMES:
        raise FarzError(f"There is no bench {name!r}. There are: {', '.join(NAMES)}.")
    # The console script is started from anywhere; the benches lie beside the rooms.
    sys.path.insert(0, str(ROOT))
    report: dict[str, Any] = importlib.import_module(f"bench.{name.replace('-', '_')}").run()
    return report
