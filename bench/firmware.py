"""What a bin weighs, waits for and needs: errors, samples, flash writes, and the smallest heap.

Errors are those of an ordinary day's noise, drift, creep and temperature (boards/simweigh.py), at
e = 10 g and Max = 60 kg, as part of the error permissible at verification. For the heap, a day of
visits runs from .mpy files against a real broker and is settled by a small town; the heap also
holds the simulated board and world, which a real bin does not have. Words are 64 bits wide here.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from farz.broker import Broker
from farz.device_bundles import ESP32, UNIX, compiled, unpack
from farz.drills.scale import weigh
from farz.errors import FarzError
from firmware.boards import simlife
from firmware.scale.weighing import WINDOW
from tests.firmware.town import Town
from tests.fixtures.micropython import KEY, Bin

DEVICE, GATEWAY, WORD = "bin-01", "gateway", "bench"
VISITS, GAP_S = 40, 900  # ten hours
LOW_K, HIGH_K, STEP_K = 64, 1024, 8
DAY_LIMIT_S = 600
WEIGHED, LIFE = 400, 400  # bins of three visits; deposits in a journal


def run(visits: int = VISITS) -> dict[str, Any]:
    """Return the figures; short are those above their limit."""
    figures = weighing(WEIGHED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = folder / "mpy"
        unpack(compiled(UNIX, left_out=()), tree)
        shipped = sum(len(raw) for name, raw in compiled(ESP32).items() if name.endswith(".mpy"))
        figures["heapsize"] = figure(smallest_heap_k(folder, tree, visits), "KiB", 256)
        figures["mpy_total"] = figure(shipped, "bytes")
    life = simlife.live([], LIFE)
    figures["flash_writes_per_deposit"] = figure(round(life["operations"] / LIFE, 2), "operations")
    short = [
        n for n, f in figures.items() if f["at_most"] is not None and f["value"] > f["at_most"]
    ]
    return {"bench": "firmware", "figures": figures, "short": short}


def weighing(runs: int) -> dict[str, Any]:
    """Errors of unflagged deposits, the flagged part, and samples beyond the stability window."""
    found = weigh(1, 0, runs, "ordinary day")
    parts = sorted(abs(error) / allowed for each in found for error, allowed in each["errors_mg"])
    samples = [taken - WINDOW for each in found for taken in each["samples"]]
    flagged = sum(each["flagged"] for each in found) / sum(each["visits"] for each in found)
    p99 = parts[len(parts) * 99 // 100]
    return {
        "weight_error_p99": figure(round(p99, 3), "of the permissible error", 1),
        "samples_beyond_window": figure(statistics.median(samples), "samples", 3),
        "flagged": figure(round(flagged, 4), "of the deposits"),
    }


def figure(value: float, unit: str, at_most: float | None = None) -> dict[str, Any]:
    return {"value": value, "at_least": None, "at_most": at_most, "aim": None, "unit": unit}


def smallest_heap_k(folder: Path, tree: Path, visits: int) -> int:
    """Return the smallest heap in KiB, to a step, in which the day passes."""
    low, high = LOW_K // STEP_K, HIGH_K // STEP_K
    while low < high:
        middle = (low + high) // 2
        passed = day_passes(folder / f"day-{middle}", tree, middle * STEP_K, visits)
        sys.stderr.write(f"heapsize={middle * STEP_K}k {'passes' if passed else 'fails'}\n")
        low, high = (low, middle) if passed else (middle + 1, high)
    return low * STEP_K


def day_passes(folder: Path, tree: Path, heap_k: int, visits: int) -> bool:
    """Tell whether all visits of a day are weighed, saved and settled within a heap.

    FarzError if they are not, and not for want of memory: a busy machine must not pass for a
    small heap.
    """
    plan = [
        {"at_s": 60 + GAP_S * i, "uid": f"04a1b2c3d4e5{i % 16:02x}", "grams": 300 + 37 * i}
        for i in range(visits)
    ]
    users = {DEVICE: WORD, GATEWAY: WORD}
    with Broker(folder / "broker", users, (GATEWAY,)) as broker:
        town = Town(broker.port, KEY, WORD)
        day = Bin(folder / "bin", DEVICE)
        day.set_up(broker.port, plan, WORD, give_up_s=10)
        day.shrink(tree, heap_k)
        try:
            code: int | None = day.run(DAY_LIMIT_S)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            day.stop()
            town.close()
    if code == 0 and len(town.deposits()) == visits:
        return True
    told = day.console() + "".join(str(row.get("why")) for row in day.lines("link"))
    if "MemoryError" in told:
        return False
    raise FarzError(
        f"With {heap_k} KiB the day ended with code {code} and {len(town.deposits())} deposits, but"
        f" not for want of memory. Run it again on a quieter machine; what it said:\n{told[-500:]}"
    )
