"""The scale's drill: it finds nothing now, and it finds what every guard is for."""

import json
from collections.abc import Callable
from pathlib import Path

from farz.drills import drill

ALL_FAULTS = 19


def test_no_fault_of_cell_or_converter_makes_a_wrong_weight_without_a_flag() -> None:
    report = drill("scale", 4 * ALL_FAULTS, 5)

    assert report["ok"], report
    assert len(report["faults"]) == ALL_FAULTS
    assert report["faults"]["none"]["right"] == 4 * 3
    for fault in ("saturation", "unplugged"):
        assert report["faults"][fault]["refused"] == 4 * 3
    assert report["faults"]["drift"]["flagged"] > 6


def test_one_calm_window_would_not_be_enough(run_micropython: Callable, tmp_path: Path) -> None:
    patch = "weighing.Weighing._wanted = lambda me: 8"
    assert wrong(run_micropython, tmp_path, patch, "leaning", range(15, 20)) > 0


def test_weights_at_rest_must_agree(run_micropython: Callable, tmp_path: Path) -> None:
    patch = "weighing.Rest.restless = property(lambda me: False)"
    assert wrong(run_micropython, tmp_path, patch, "drift", range(5)) > 0


def wrong(run_micropython: Callable, tmp_path: Path, patch: str, fault: str, runs: range) -> int:
    """How many wrong weights go through unflagged once a guard is taken away.

    `runs` are some in which that shows, and a few more.
    """
    script = tmp_path / "without.py"
    script.write_text(
        "from firmware.boards import simweigh\n"
        "from firmware.scale import hx711, weighing\n"
        f"{patch}\n"
        f"simweigh.main(2, {runs.start}, {len(runs)}, '{fault}')\n"
    )
    done = run_micropython(script)
    assert done.returncode == 0, done.stderr
    return sum(json.loads(line)["wrong"] for line in done.stdout.splitlines())
