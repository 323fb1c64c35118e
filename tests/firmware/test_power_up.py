"""What runs at power-up on a board, as flashed: a start that fails says why, and is undone."""

import signal
import subprocess
from pathlib import Path

import pytest

from farz.device_flash import MAIN
from firmware.slots import START_MS, Slots
from firmware.supervisor import LastWords
from tests.fixtures.micropython import ROOT, micropython

# What a port gives, as far as a start needs it.
MACHINE = """
import sys

def reset():
    print("reset")
    sys.exit(0)

def WDT(timeout):
    print("watchdog", timeout)
"""
# A board and a bin in the place of the real ones, under the real main().
PARTS = {
    "boards/esp32.py": """
class Esp32Board:
    folder, flash = {root!r}, True

    def __init__(self):
        {does}

    def rescue(self):
        return False

    def join(self, wifi):
        pass

    def lid_lock(self, level):
        print("lock", level)
""",
    "tuning.py": "Tuning = str\n",
    "app.py": """
import asyncio

class App:
    def __init__(self, board, tuning):
        pass

    async def run(self):
        print("up")
        await asyncio.sleep(30)
""",
}


class Bench:
    """A folder that is a board's flash: loader, factory, and an update on trial in `a`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._put("loader", ("__init__", "errors", "twin", "slots"))
        (root / "loader/machine.py").write_text(MACHINE)
        self._put("factory", ())
        (root / "factory/firmware/main.py").write_text("def main():\n    print('old')\n")
        (root / "wifi.json").write_text('{"ssid": "", "password": ""}')

    def _put(self, slot: str, names: tuple[str, ...]) -> None:
        (self.root / slot / "firmware/boards").mkdir(parents=True)
        for name in names:
            made = self.root / slot / f"firmware/{name}.py"
            made.symlink_to(ROOT / f"firmware/{name}.py")

    def flash(self, does: str = "pass") -> None:
        """Put a firmware on trial whose board `does` something when it is built."""
        names = {path.stem for path in (ROOT / "firmware").glob("*.py")} - {"app", "tuning"}
        self._put("a", tuple(names))
        for name, source in PARTS.items():
            source = source.replace("{root!r}", repr(str(self.root))).replace("{does}", does)
            (self.root / "a/firmware" / name).write_text(source)
        Slots(str(self.root)).switch(2, 0, "e" * 16)

    def start(self) -> "subprocess.Popen[str]":
        """Run what is flashed as the board's main.py; only its folder is another one."""
        flashed = MAIN.decode().replace('"/loader"', repr(f"{self.root}/loader"))
        flashed = flashed.replace('due("",', f"due({str(self.root)!r},")
        flashed = flashed.replace("import machine, sys\n", "import sys\n").replace(
            "try:\n", "import machine\ntry:\n", 1
        )
        (self.root / "main.py").write_text(flashed)
        return subprocess.Popen(
            [micropython(), str(self.root / "main.py")],
            cwd=self.root,
            env={"MICROPYPATH": ".frozen"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self) -> str:
        return self.start().communicate(timeout=20)[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_trial_whose_board_cannot_be_built_is_undone_and_says_why(bench: Bench) -> None:
    bench.flash("raise OSError(19)")

    first, second = bench.run(), bench.run()

    assert first.startswith(f"watchdog {START_MS}\n"), first
    assert first.endswith("reset\n"), first
    assert second == "old\nreset\n"  # what is in force needs no watchdog before its own
    assert LastWords(str(bench.root)).read().startswith("OSError(19")
    slots = Slots(str(bench.root))
    assert (slots.slot, slots.failed) == ("factory", [2, "it did not stay up"])


def test_trial_that_hangs_before_its_own_watchdog_has_one_and_is_undone(bench: Bench) -> None:
    bench.flash("while True: pass")
    hung = bench.start()
    assert hung.stdout is not None
    assert hung.stdout.readline() == f"watchdog {START_MS}\n"
    hung.kill()  # which is what the watchdog does
    hung.wait()

    assert bench.run() == "old\nreset\n"


def test_technician_who_interrupts_the_bin_gets_the_prompt_and_a_locked_lid(bench: Bench) -> None:
    bench.flash()
    started = bench.start()
    assert started.stdout is not None
    assert [started.stdout.readline() for _ in range(2)] == [f"watchdog {START_MS}\n", "up\n"]

    started.send_signal(signal.SIGINT)

    said = started.communicate(timeout=20)[0]
    assert "lock 0" in said
    assert "KeyboardInterrupt" in said
    assert "reset" not in said
