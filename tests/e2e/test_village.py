"""The whole way through real parts: MicroPython bins, a broker, gateway, backend, the books."""

import json
import subprocess
import sys

from farz import demo
from farz.demo import OUTCOMES
from farz.processes import ROOT


def test_a_village_ends_with_every_number_equal() -> None:
    command = [sys.executable, "-m", "farz", "demo", "--once", "--json", "--seed", "11"]
    command += ["--bins", "3", "--deposits", "30", "--redemptions", "5"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)

    report = json.loads(ended.stdout)  # exactly one JSON object, nothing else
    assert ended.returncode == 0, (report, ended.stderr)
    assert report["made"] == report["recorded"] == 30
    assert sum(report[outcome] for outcome in OUTCOMES) == 30
    assert report["minted"] == report["expected"] > 0
    assert report["redeemed"] == 5
    assert report["balanced"] is report["ok"] is True


def test_a_village_ends_alike_on_both_engines(database_url: str) -> None:
    done = demo.run(bins=2, deposits=12, redemptions=2, seed=5, database_url=database_url)

    assert demo.agree(done)
    assert done.truth.made == 12
    assert done.refused == 0


def test_a_village_needs_no_installed_broker() -> None:
    done = demo.run(bins=2, deposits=8, redemptions=1, seed=6, broker="iotcore")

    assert demo.agree(done)
    assert done.truth.made == 8


def test_the_comparison_notices_a_credit_that_the_flash_does_not_know() -> None:
    done = demo.run(bins=1, deposits=2, redemptions=0, seed=3)
    assert demo.agree(done)

    done.truth.minted += 1

    assert not demo.agree(done)
