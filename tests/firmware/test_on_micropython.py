"""Pure modules and drivers under real MicroPython, and the compiler for the board's processor."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from farz.device_bundles import mpy_cross
from tests.fixtures.micropython import ROOT

HERE = Path(__file__).parent
MODULES = sorted(HERE.glob("pure/test_*.py")) + sorted(HERE.glob("board/check_*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_functions_pass_on_real_micropython(path: Path, run_micropython: Callable) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)

    result = run_micropython(HERE / "run_functions.py", name)

    assert re.search(r"^passed [1-9]\d* failed 0$", result.stdout, re.M), (
        result.stdout + result.stderr
    )


def test_every_firmware_file_compiles_for_the_esp32(tmp_path: Path) -> None:
    files = sorted((ROOT / "firmware").rglob("*.py"))
    assert len(files) > 20

    for number, path in enumerate(files):
        to = str(tmp_path / f"{number}.mpy")
        done = mpy_cross("-march=xtensawin", "-O2", "-o", to, str(path))
        assert done.returncode == 0, f"{path}: {done.stderr.decode()}"
