"""`scale`: bins whose cell or converter is broken are visited; no weight may be wrong unflagged.

Each run is a bin of its own, with one fault, in a real MicroPython: the code that ships, from the
converter's pins to the journal (firmware/boards/simweigh.py says which faults there are).
"""

import json
from collections import Counter
from typing import Any

from farz.demo import say
from farz.errors import PartFailed
from farz.processes import ROOT, finished
from farz.stage import micropython

BATCH = 500  # runs a process
TOLD = ("right", "wrong", "flagged", "refused", "interrupted")


def run(runs: int, seed: int) -> dict[str, Any]:
    """Every run's verdicts, summed by fault."""
    counts: Counter[str] = Counter()
    by_fault: dict[str, Counter[str]] = {}
    for first in range(0, runs, BATCH):
        for result in weigh(seed, first, min(BATCH, runs - first)):
            found = Counter({name: result[name] for name in (*TOLD, "visits", "lost", "doubled")})
            counts += found
            by_fault.setdefault(result["fault"], Counter()).update(
                {name: found[name] for name in TOLD}
            )
        say(f"run {min(first + BATCH, runs)} of {runs}: {dict(counts)}")
    figures = {name: counts[name] for name in ("visits", *TOLD, "lost", "doubled")}
    return {
        **figures,
        "faults": {name: dict(found) for name, found in sorted(by_fault.items())},
        "conserved": counts["wrong"] == 0,
        "struck": counts["refused"] + counts["flagged"] > 0 or runs < len(by_fault),
    }


def weigh(seed: int, first: int, runs: int, *fault: str) -> list[dict[str, Any]]:
    """What became of the visits of some runs, a dictionary each; with one fault, or with all."""
    command = [micropython(), "-X", "heapsize=8M", "-m", "firmware.boards.simweigh"]
    words = [*command, str(seed), str(first), str(runs), *fault]
    done = finished(words, {"MICROPYPATH": f"{ROOT}:.frozen"})
    if done.returncode:
        raise PartFailed(f"The bins of run {first} ended early:\n{done.stderr or done.stdout}")
    return [json.loads(line) for line in done.stdout.splitlines()]
