"""Commands at the cable, against real MicroPython behind a pseudo-terminal."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farz.calibrating import check_plan, judge
from farz.device_cable import Cable, CableFault, connected
from farz.device_calibrate import measure, record
from farz.device_simulate import on_cable
from firmware.scale.issuing import issue
from tests.fixtures.micropython import KEY, Bin

CELLS = [[8000, 430_000, 10_000], [-51_000, -410_000, 10_000]]
NOBODY = 9


class Hands:
    """Does at the simulated bin what the wizard's words ask for."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hands.json"
        self.asked: list[str] = []
        self.heavier_g = 0

    def do(self, **what: object) -> None:
        self._path.write_text(json.dumps(what))

    def obey(self, words: str) -> None:
        self.asked.append(words)
        grams, shares = 0, [0.5, 0.5]
        if words.startswith("Put"):
            grams = int(words.split()[1])
            corner = words.rstrip(".").rsplit(" ", 1)[-1]
            shares = {"1": [0.8, 0.2], "2": [0.2, 0.8]}.get(corner, shares)
        self.do(grams=grams + (self.heavier_g if grams > 20_000 else 0), shares=shares)


@pytest.fixture
def bin_(make_bin: Callable[..., Bin]) -> Bin:
    made = make_bin()
    made.set_up(NOBODY, [], until="cable", cells=CELLS, noise_counts=20, patience_s=0)
    for file in made.folder.glob("calibration*"):
        file.unlink()
    return made


@pytest.fixture
def hands(bin_: Bin) -> Hands:
    return Hands(bin_.folder)


@pytest.fixture
def cable(bin_: Bin) -> Iterator[Cable]:
    with on_cable(bin_.folder) as port, connected(port) as found:
        yield found


def test_bin_says_who_it_is_and_what_is_wrong(cable: Cable) -> None:
    about = cable.ask("about")
    assert (about["device"], about["cells"], about["cal"]) == ("bin-01", 2, 0)
    assert about["limits"] == [10, 200, 60_000]
    with pytest.raises(CableFault, match="not calibrated"):
        cable.ask("weigh")
    with pytest.raises(CableFault, match="only spelling"):
        cable.ask("calibrate", jws="a.b.c")
    with pytest.raises(CableFault, match="NameError"):
        cable.run("nonsense")


def test_wizard_leads_to_a_calibration_that_weighs_right(cable: Cable, hands: Hands) -> None:
    measured = measure(cable, "bin-01", 10_000, None, hands.obey)
    outcome = judge(measured)

    assert outcome.passed, outcome
    assert len(outcome.verdicts) == len(check_plan([10, 200, 60_000]))
    body = record(measured, outcome, by="test", seal="S-0002", days=365, fit=None)
    jws = issue(KEY, "bin-01", 1, body)
    assert cable.ask("calibrate", jws=jws) == {"number": 1}
    with pytest.raises(CableFault, match="must be higher"):
        cable.ask("calibrate", jws=jws)
    for grams in (0, 1234, 59_000):
        hands.do(grams=grams, shares=[0.7, 0.3])
        assert abs(cable.ask("weigh")["grams"] - grams) <= 3
    assert cable.ask("about")["cal"] == 1


def test_scale_that_weighs_too_much_does_not_pass(cable: Cable, hands: Hands) -> None:
    hands.heavier_g = 60
    assert not judge(measure(cable, "bin-01", 10_000, None, hands.obey)).passed


def test_files_arrive_whole(cable: Cable, tmp_path: Path) -> None:
    raw = bytes(range(256)) * 9
    cable.put(f"{tmp_path}/deep/er/file.mpy", raw)
    assert (tmp_path / "deep/er/file.mpy").read_bytes() == raw


def test_lid_card_and_display_are_asked_for(cable: Cable, hands: Hands) -> None:
    hands.do(card="04a1b2c3d4e5f6")
    assert cable.ask("card", seconds=2) == {"bytes": 7}
    hands.do()
    with pytest.raises(CableFault, match="no card"):
        cable.ask("card", seconds=1)
    assert cable.ask("unlock", seconds=1) == {"opened": False, "shut": False}
    assert cable.ask("show", word="welcome") == {"failures": 0}


def test_port_where_nobody_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(CableFault, match="There is no port"), connected(f"{tmp_path}/ttyUSB9"):
        pass
