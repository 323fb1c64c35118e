"""`power-cut`: the power fails at every flash operation of many visits in a row, and anywhere.

First exhaustively, each operation done in five ways: not at all, its first half, its second, some
of its bits, whole. Then `runs` lives with up to six cuts each, drawn from the seed. A life is the
journal that ships over a flash that only clears bits (firmware/boards/simlife.py).
"""

import random
from collections import Counter
from typing import Any

from farz.demo import say
from firmware.boards import simlife
from firmware.boards.simram import MODES

VISITS = 40
MOST_CUTS = 6
# What a life may complain of, and the drill's word for it; anything else is not conserved.
COMPLAINTS = {
    "saved, and lost": "lost",
    "a visit without a record": "lost",
    "one name, two contents": "doubled",
    "settled, and unsettled again": "resurrected",
}
Cut = tuple[int, str, int]  # operation, mode, seed


def run(runs: int, seed: int) -> dict[str, Any]:
    """All operations in all modes, then `runs` random lives."""
    counts: Counter[str] = Counter()
    operations = simlife.live([], VISITS)["operations"]
    for operation in range(1, operations + 1):
        for mode in MODES:
            _live([(operation, mode, operation)], counts)
    exhaustive = counts["cuts"]
    say(f"{exhaustive} cuts at each of {operations} operations: {dict(counts)}")
    for number in range(runs):
        dice = random.Random(f"farz power-cut {seed} {number}")
        _live([_cut(dice, operations) for _ in range(dice.randint(1, MOST_CUTS))], counts)
    names = ("cuts", "interrupted", "lost", "doubled", "resurrected", "other")
    return {
        "operations": operations,
        **{name: counts[name] for name in names},
        "conserved": counts["resurrected"] == counts["other"] == 0,
        # A cut at the last operations of a life strikes each time; the random ones may come late.
        "struck": exhaustive == operations * len(MODES) and counts["interrupted"] > 0,
    }


def _cut(dice: random.Random, operations: int) -> Cut:
    return dice.randrange(1, operations), dice.choice(MODES), dice.randrange(1, 2**31)


def _live(cuts: list[Cut], counts: Counter[str]) -> None:
    try:
        found = simlife.live(cuts, VISITS)
        counts.update(cuts=found["cuts"], interrupted=found["interrupted"])
    except AssertionError as error:
        counts[COMPLAINTS.get(str(error), "other")] += 1
