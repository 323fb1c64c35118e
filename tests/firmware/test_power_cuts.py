"""The journal after a power cut at any flash operation."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware.boards.simram import MODES
from tests.firmware import power_cuts


@pytest.mark.parametrize("mode", MODES)
def test_cut_at_every_operation_loses_doubles_and_resurrects_nothing(mode: str) -> None:
    operations = power_cuts.live([])

    for operation in range(1, operations + 1):
        power_cuts.live([(operation, mode, operation)])


def test_second_cut_while_recovering_from_the_first_does_no_harm() -> None:
    dice = random.Random(7)
    operations = power_cuts.live([])

    for first, second in itertools.product(range(1, operations + 1, 3), range(1, 9)):
        cuts = [(n, dice.choice(MODES), dice.randrange(1, 2**31)) for n in (first, second)]
        power_cuts.live(cuts)


def test_cuts_at_random_operations_over_many_lives_do_no_harm() -> None:
    for seed in range(300):
        dice = random.Random(seed)
        cuts = [
            (dice.randrange(1, 60), dice.choice(MODES), dice.randrange(1, 2**31)) for _ in range(6)
        ]
        power_cuts.live(cuts)


def test_full_ring_refuses_and_takes_visits_again_after_receipts() -> None:
    visits, journal, life = power_cuts.full_ring()
    assert visits > 8

    for record in power_cuts.unsettled(journal)[:6]:
        assert journal.settle(record.epoch, record.seq, record.hash8)
        life.settled.add((record.epoch, record.seq))
    power_cuts.visit(journal, life, 99)

    life.check(journal)


def test_cuts_on_real_micropython_do_no_harm(run_micropython: Callable, tmp_path: Path) -> None:
    script = tmp_path / "sample.py"
    script.write_text(
        "from tests.firmware import power_cuts\n"
        "operations = power_cuts.live([])\n"
        "for n in range(1, operations + 1, 7):\n"
        "    power_cuts.live([(n, ('undone', 'half', 'done', 'bits')[n % 4], n)])\n"
        "print('lived', operations)\n"
    )

    result = run_micropython(script)

    assert result.stdout.startswith("lived"), result.stdout + result.stderr
