"""The acceptance test of a new bin, whole, by its command: a simulated board at a pseudo-terminal,
a real broker, and hands that do what the words on the screen ask for."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from farz.broker import Broker
from farz.device_acceptance import accept
from farz.device_cable import connected
from farz.device_calibrate import measure
from farz.device_simulate import on_cable
from farz.errors import FarzError
from farz.processes import ROOT
from tests.firmware.test_simulated_bin import WORD
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, Bin

BIN = "bin-01"
SPEED = 4  # times real time: the hands are a program's
STEPS = ["journal", "zero", "weight", "lid", "display", "card", "link"]


@pytest.fixture
def town(mosquitto: Broker) -> Iterator[Town]:
    made = Town(mosquitto.port, KEY, word_of("gateway"))
    yield made
    made.close()


@pytest.fixture
def bin_(make_bin: Callable[..., Bin], mosquitto: Broker, town: Town) -> Bin:
    made = make_bin(BIN)
    made.set_up(mosquitto.port, [], WORD, until="cable", speed=SPEED)
    return made


class Hands:
    """Obeys the words of the command; `idle` are words that it does not obey."""

    def __init__(self, folder: Path, idle: str = "-") -> None:
        self._path = folder / "hands.json"
        self._idle = idle
        self.heard: list[str] = []

    def obey(self, words: str) -> None:
        self.heard.append(words)
        if self._idle in words:
            self._do()
        elif words.startswith("Put"):
            self._do(grams=int(words.split()[1]))
        elif words.startswith("The lock"):
            for is_open in (True, False):
                time.sleep(0.3)
                self._do(lid_open=is_open)
        elif words.startswith("Hold"):
            self._do(card="04a1b2c3d4e5f6")
        else:
            self._do()

    def _do(self, **what: object) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(what))
        new.rename(self._path)


def accepted(bin_: Bin, hands: Hands, *more: str) -> tuple[int, dict[str, Any]]:
    """Run the command to its end; its exit code and its report."""
    with on_cable(bin_.folder) as port:
        command = [sys.executable, "-m", "farz", "device", "accept", BIN, "--port", port]
        command += ["--weight", "10000", "--yes", "--json", "--seconds", "60", *more]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            for line in process.stderr or ():
                hands.obey(line.strip())
            out = process.stdout.read() if process.stdout else ""
    assert out, hands.heard
    return process.returncode, json.loads(out)


def test_new_bin_passes_every_step_twice(bin_: Bin, town: Town) -> None:
    for _ in range(2):  # the second time nothing of its own waits to be sent
        hands = Hands(bin_.folder)
        code, report = accepted(bin_, hands)
        assert (code, report["ok"]) == (0, True), json.dumps(report)
        assert [(each["step"], each["verdict"]) for each in report["steps"]] == [
            (step, "passed") for step in STEPS
        ]
    whats = [body.get("what") for body in town.records.values()]
    assert whats.count("acceptance test") == 2
    assert not town.faults


def test_what_is_wrong_with_a_bin_is_said_and_the_rest_is_tried(bin_: Bin, town: Town) -> None:
    code, report = accepted(bin_, Hands(bin_.folder, idle="The lock"), "--skip", "card,journal")

    found = {each["step"]: (each["verdict"], each["words"]) for each in report["steps"]}
    assert (code, report["ok"]) == (1, False)
    assert found["lid"] == ("failed", "the switch did not tell that the lid was opened and shut")
    assert found["card"] == ("skipped", "left out")
    assert found["link"][0] == found["weight"][0] == "passed", found
    assert found["journal"][0] == "skipped"


def test_another_bin_at_the_cable_is_not_touched(bin_: Bin) -> None:
    with on_cable(bin_.folder) as port, connected(port) as cable:
        with pytest.raises(FarzError, match="The bin at this cable is bin-01, not bin-02"):
            accept(cable, "bin-02", 10_000, set(), print, seconds=1, asks=False)
        with pytest.raises(FarzError, match=r"A cell moved|tell the cells"):  # nobody puts a weight
            measure(cable, BIN, 10_000, None, print)
