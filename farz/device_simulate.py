"""A simulated bin on this machine: against a given broker, or at the end of a pseudo-terminal.

Real MicroPython runs the firmware that ships; only the chips around it are simulated.
"""

import json
import os
import pty
import random
import subprocess
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from farz.errors import FarzError
from farz.processes import ROOT
from farz.stage import CELLS, RESTART_EXIT, micropython
from firmware import contract
from firmware.scale.issuing import issue
from firmware.twin import Twin

HEAP = "2M"
GAP_S, LIGHTEST_G, HEAVIEST_G = 300, 200, 6_000
CARDS = 8  # synthetic cards
POLL_S = 0.1


def prepare(folder: Path, visits: int, *, seed: int, speed: int) -> None:
    """Write the day around a simulated bin; calibrate it with its own key if it is not yet.

    FarzError if the folder has no settings.
    """
    path = folder / "settings.json"
    if not path.is_file():
        raise FarzError(
            f"{folder} has no settings.json. Run: farz device provision ID --files {folder}"
        )
    settings = json.loads(path.read_text())
    dice = random.Random(seed)
    day = [
        {
            "at_s": 60 + GAP_S * number,
            "uid": uid(seed, dice.randrange(CARDS)),
            "grams": dice.randrange(LIGHTEST_G, HEAVIEST_G),
        }
        for number in range(visits)
    ]
    world = {"seed": seed, "speed": speed, "start_s": int(time.time()), "visits": day}
    world |= {"cells": CELLS, "until": "settled" if visits else "cable"}
    (folder / "world.json").write_text(json.dumps(world))
    (folder / "progress.json").unlink(missing_ok=True)  # another day begins
    if visits and not list(folder.glob("calibration.*")):
        Twin(f"{folder}/calibration").write(_calibration(settings))


def uid(seed: int, number: int) -> str:
    """A synthetic card of a day, in hex."""
    return f"04{seed % 256:02x}0000{number:06x}"


def about_cards(seed: int) -> str:
    """Whose the cards of a day are, and what makes one somebody's."""
    first, last = uid(seed, 0).upper(), uid(seed, CARDS - 1).upper()
    return (
        f"Its {CARDS} synthetic cards, {first} to {last}, are in no register here: what an unknown "
        "card brings is suspended until somebody claims it.\n"
        "To register one, with the backend stopped: "
        f"farz card issue {first} --nameless --by admin"
    )


def _calibration(settings: Mapping[str, Any]) -> str:
    """A true calibration of the simulated cells; only the simulated bin's own key signs it."""
    body = {
        "v": contract.VERSION,
        "number": 1,
        "cells": CELLS,
        "fit": None,
        "passed": True,
        "limits": [settings["e_g"], settings["min_g"], settings["max_g"]],
        "from_s": int(time.time()),
        "until_s": None,
        "seal": "synthetic",
        "by": "synthetic",
    }
    key = bytes.fromhex(settings["key"])
    return str(issue(key, settings["device"], settings["key_number"], body))


def run(folder: Path, tell: Callable[[dict[str, Any]], None]) -> int:
    """Run a simulated bin until its day is over, telling each line of it; return its exit code."""
    out = folder / "out.jsonl"
    out.touch()
    with out.open() as told, (folder / "console.txt").open("ab") as errors:
        told.seek(0, os.SEEK_END)
        code = RESTART_EXIT
        while code == RESTART_EXIT:
            process = bin_process(folder, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
            try:
                while process.poll() is None:
                    _pass_on(told, tell)
                    time.sleep(POLL_S)
            finally:
                process.kill()
            code = process.wait()
            _pass_on(told, tell)
    return code


def _pass_on(told: TextIO, tell: Callable[[dict[str, Any]], None]) -> None:
    while True:
        at = told.tell()
        line = told.readline()
        if not line.endswith("\n"):
            told.seek(at)
            return
        tell(json.loads(line))


def bin_process(folder: Path, module: str = "simboot", **streams: Any) -> "subprocess.Popen[bytes]":
    """Start the firmware on a simulated board whose flash and files lie in a folder."""
    command = [
        micropython(),
        "-X",
        f"heapsize={HEAP}",
        "-m",
        f"firmware.boards.{module}",
        str(folder.absolute()),  # the bin runs in that folder
    ]
    return subprocess.Popen(command, env=_path(), cwd=folder, **streams)


def _path() -> Mapping[str, str]:
    return {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}


@contextmanager
def on_cable(folder: Path) -> Iterator[str]:
    """A simulated bin whose serial port is a pseudo-terminal; yields the port's name."""
    board, cable = pty.openpty()
    tty.setraw(board)
    tty.setraw(cable)
    with (folder / "cable.txt").open("ab") as errors:
        process = bin_process(folder, "simrepl", stdin=board, stdout=board, stderr=errors)
    try:
        yield os.ttyname(cable)
    finally:
        process.kill()
        process.wait()
        os.close(board)
        os.close(cable)
