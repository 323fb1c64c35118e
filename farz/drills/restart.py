"""`restart`: a whole village runs while broker, gateway, backend and a bin are killed with -9.

Each dies at a moment that the seed chooses and is started again; then every number is compared.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any

from farz import demo
from farz.demo import Meanwhile, agree, say
from farz.stage import Stage

PARTS = ("broker", "gateway", "backend", "bin")
BINS, DEPOSITS, REDEMPTIONS = 2, 80, 3


def run(runs: int, seed: int) -> dict[str, Any]:
    """The villages of a drill and what was lost or doubled in all of them."""
    report: dict[str, Any] = {"lost": 0, "doubled": 0, "killed": 0, "deposits": 0}
    report["conserved"] = True
    for number in range(runs):
        say(f"run {number + 1} of {runs}, seed {seed + number}")
        for count, value in restart(seed + number, PARTS).items():
            if count == "conserved":
                report[count] = report[count] and value
            else:
                report[count] += value
    return report | {"struck": report["killed"] == runs * len(PARTS)}


def restart(seed: int, parts: tuple[str, ...], database_url: str = "") -> dict[str, int]:
    """One village during which each of `parts` is killed and started again."""
    dice = random.Random(f"farz restart {seed}")
    kills = _kills(dice, parts)
    done = demo.run(
        bins=BINS,
        deposits=DEPOSITS,
        redemptions=REDEMPTIONS,
        seed=seed,
        database_url=database_url,
        meanwhile=_meanwhile(kills),
    )
    books, truth = done.books, done.truth
    paid = books.outcomes["credited"] + books.outcomes["suspended"]
    return {
        "deposits": books.recorded,
        "lost": len(truth.names - books.names) + truth.unrecorded,
        "doubled": len(books.names - truth.names) + max(0, books.mints - paid),
        "killed": len(parts) - sum(1 for _ in kills),
        "conserved": agree(done),
    }


def _kills(dice: random.Random, parts: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """(deposits in the books from which on, part) in the order of the moments."""
    moments = sorted(dice.sample(range(1, DEPOSITS // 2), len(parts)))
    return iter(list(zip(moments, dice.sample(parts, len(parts)), strict=True)))


def _meanwhile(kills: Iterator[tuple[int, str]]) -> Meanwhile:
    waiting: list[tuple[int, str]] = []

    def strike(stage: Stage, done: int) -> None:
        if not waiting:
            waiting.extend([kill] if (kill := next(kills, None)) else [])
        if waiting and done >= waiting[0][0]:
            part = waiting.pop()[1]
            say(f"kill -9 {part} after {done} deposits, and start it again")
            KILLS[part](stage)

    return strike


def _kill_broker(stage: Stage) -> None:
    stage.broker.kill()
    stage.broker.start()


def _kill_gateway(stage: Stage) -> None:
    stage.gateway.kill()
    stage.start_gateway()


def _kill_backend(stage: Stage) -> None:
    stage.backend.kill()
    stage.start_backend()


def _kill_bin(stage: Stage) -> None:
    part = next((each for each in stage.bins.values() if each.running), None)
    if part is not None:
        part.kill()
        part.start()


KILLS: dict[str, Callable[[Stage], None]] = {
    "broker": _kill_broker,
    "gateway": _kill_gateway,
    "backend": _kill_backend,
    "bin": _kill_bin,
}
