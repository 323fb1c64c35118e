"""What a technician is told at the bench: how far it is, where a bin stands, whose a card is."""

import json
import subprocess
from pathlib import Path

import pytest

from farz import device_simulate
from farz.processes import ROOT
from tests.farz.shell import Shell


def test_a_bundle_tells_how_far_it_is(farz: Shell, tmp_path: Path) -> None:
    key, out = str(tmp_path / "key.pem"), str(tmp_path / "7.bundle")
    farz.done("device", "signing-key", key)

    made = farz("device", "bundle", "--version", "7", "--key", key, "--out", out, "--json")

    steps = [line.split() for line in made.stderr.splitlines() if line.startswith("compiling: ")]
    assert len(steps) >= 5
    assert steps[-1][1] == steps[-1][3]  # all of them
    assert json.loads(made.stdout)["version"] == 7


def test_devices_are_listed_with_the_names_of_their_points(founded: Shell) -> None:
    founded.done("device", "provision", "bin-1", "--point", "Mosque square")
    founded.done("device", "provision", "bin-2")

    first, second = sorted(founded.done("device", "list").splitlines()[:4:1])[-2:]
    listed = {each["device"]: each["point"] for each in json.loads(
        founded.done("device", "list", "--json")
    )}  # fmt: skip

    assert "Mosque square" in first + second
    assert "at no point" in first + second
    assert listed == {"bin-1": "Mosque square", "bin-2": None}


def test_a_simulated_bins_card_can_be_registered_as_it_says(founded: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "bin-1"
    founded.done("device", "provision", "bin-1", "--files", str(folder), "--host", "localhost")
    device_simulate.prepare(folder, 50, seed=3, speed=0)
    visits = json.loads((folder / "world.json").read_text())["visits"]

    command = device_simulate.about_cards(3).rpartition("farz ")[2].split()

    assert command[2].lower() in {visit["uid"] for visit in visits}
    assert founded.done(*command, typed="2468\n").startswith("card")


def test_git_keeps_out_what_is_made_at_the_bench() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    made = ["bin-1/settings.json", "farz-7.bundle", "key.pem", "slips.html", "deploy/secrets/x"]
    ended = subprocess.run(["git", "check-ignore", *made], cwd=ROOT, capture_output=True, text=True)

    assert ended.stdout.split() == made
