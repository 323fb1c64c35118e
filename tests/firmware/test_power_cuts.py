"""The journal after a power cut at any flash operation."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from farz.drills import drill, power_cut
from firmware.boards import simlife
from firmware.boards.simram import MODES
from firmware.ring import Ring
from firmware.survey import Survey


@pytest.mark.parametrize("mode", MODES)
def test_cut_at_every_operation_loses_doubles_and_resurrects_nothing(mode: str) -> None:
    operations = simlife.live([])["operations"]

    for operation in range(1, operations + 1):
        simlife.live([(operation, mode, operation)])


@pytest.mark.parametrize("mode", MODES)
def test_cut_at_every_operation_beside_a_bad_sector_loses_and_doubles_nothing(mode: str) -> None:
    operations = simlife.live([], bad=(2,), sectors=5)["operations"]

    for operation in range(1, operations + 1):
        simlife.live([(operation, mode, operation)], bad=(2,), sectors=5)


def test_second_cut_while_recovering_from_the_first_does_no_harm() -> None:
    dice = random.Random(7)
    operations = simlife.live([])["operations"]

    for first, second in itertools.product(range(1, operations + 1, 3), range(1, 9)):
        cuts = [(n, dice.choice(MODES), dice.randrange(1, 2**31)) for n in (first, second)]
        simlife.live(cuts)


def test_cuts_at_random_operations_over_many_lives_do_no_harm() -> None:
    for seed in range(300):
        dice = random.Random(seed)
        cuts = [
            (dice.randrange(1, 60), dice.choice(MODES), dice.randrange(1, 2**31)) for _ in range(6)
        ]
        simlife.live(cuts)


def test_drill_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_cut, "VISITS", 12)

    report = drill("power-cut", 20, 3)

    assert report["ok"], report
    assert report["cuts"] > 5 * report["operations"]


def test_drill_finds_a_journal_that_forgets_cut_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_cut, "VISITS", 12)
    honest = Survey.__init__

    def forgetful(survey: Survey, ring: Ring) -> None:
        honest(survey, ring)
        survey.pending = None

    monkeypatch.setattr(Survey, "__init__", forgetful)

    report = drill("power-cut", 5, 3)

    assert not report["ok"]
    assert report["lost"] > 0


def test_visit_whose_mending_was_cut_until_the_ring_was_full_is_recorded_after_receipts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cuts = [(46, "half", 1322589171), (4, "tail", 1578683595)]
    cuts += [(5, "tail", 1576380488), (2, "bits", 965812607)]
    waited: list[object] = []
    release = simlife.release
    monkeypatch.setattr(simlife, "release", lambda *life: (waited.append(life), release(*life)))

    found = simlife.live(cuts, 20, sectors=3)

    assert found == {"operations": 117, "cuts": 4, "interrupted": 1}
    assert waited


def test_full_ring_refuses_and_takes_visits_again_after_receipts() -> None:
    visits, journal, life = simlife.full_ring()
    assert visits > 8

    for record in simlife.unsettled(journal)[:12]:
        assert journal.settle(record.epoch, record.seq, record.hash8)
        life.settled.add((record.epoch, record.seq))
    simlife.visit(journal, life, 99)

    life.check(journal)


def test_cuts_on_real_micropython_do_no_harm(run_micropython: Callable, tmp_path: Path) -> None:
    script = tmp_path / "sample.py"
    script.write_text(
        "from firmware.boards import simlife\n"
        "operations = simlife.live([])['operations']\n"
        "for n in range(1, operations + 1, 7):\n"
        "    simlife.live([(n, ('undone', 'half', 'done', 'bits')[n % 4], n)])\n"
        "print('lived', operations)\n"
    )

    result = run_micropython(script)

    assert result.stdout.startswith("lived"), result.stdout + result.stderr
