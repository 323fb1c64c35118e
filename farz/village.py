"""A synthetic village: who lives there, with what cards, and who brings what to which bin when.

Everything comes from one seed; nothing here is a pilot's result. The shares of the fractions
follow Palestinian surveys (57 % organic and so on), the weights are made up around a household's
3.2 kg of waste a day (PCBS 2015), the tariff around Hortaleza's MOLA (0.25 per kg of organics).
"""

import random
from dataclasses import dataclass

CURRENCY = "QMM"  # amounts are in minor units, hundredths of a credit
TARIFF_PER_KG = {
    "organic": 25,
    "paper_cardboard": 20,
    "plastic": 40,
    "metal": 60,
    "glass": 10,
    "textile": 30,
    "residual": 5,
}
# Share of visits in per cent, and a usual deposit in grams.
STREAMS = {
    "organic": (57, 2200),
    "plastic": (12, 450),
    "paper_cardboard": (11, 700),
    "residual": (14, 1500),
    "glass": (3, 900),
    "metal": (3, 350),
}
FIRST_BINS = ("organic", "organic", "plastic", "paper_cardboard", "residual", "glass", "metal")
POINTS = ("Mosque square", "School", "Cooperative", "Upper village", "Lower village")
COMPOST_PER_KG = 30  # minor units for a kilogram of compost
# Visits with a card nobody knows, with a blocked one, and where somebody leans on the bin.
UNKNOWN_SHARE, BLOCKED_SHARE, RESTLESS_SHARE = 0.03, 0.02, 0.02
START_GAP_S = 3


@dataclass(frozen=True)
class Person:
    """A synthetic household's holder."""

    name: str
    uid: bytes
    pin: str
    blocked: bool = False


@dataclass(frozen=True)
class Visit:
    """Somebody holds a card to a bin and drops `grams`; `at_s` counts from the village's start.

    `restless`: the scale never comes to rest, so the weight is flagged and held.
    """

    at_s: int
    uid: bytes
    grams: int
    restless: bool = False


@dataclass(frozen=True)
class Bin:
    """One smart bin of one fraction."""

    device: str
    key: bytes
    point: str
    fraction: str
    visits: tuple[Visit, ...]


@dataclass(frozen=True)
class Village:
    """People, bins and what happens at them."""

    seed: int
    people: tuple[Person, ...]
    bins: tuple[Bin, ...]


def build(seed: int, bins: int, deposits: int, gap_s: int = 90) -> Village:
    """Make a village of `bins` bins at which `deposits` deposits are made.

    The visits of one bin are `gap_s` seconds apart on average. Same arguments, same village.
    """
    dice = random.Random(f"farz village {seed}")
    people = _people(dice, households=max(10, min(100, deposits // 4)))
    fractions = [FIRST_BINS[i % len(FIRST_BINS)] for i in range(bins)]
    counts = _share_out(deposits, [STREAMS[f][0] for f in fractions])
    made = [
        Bin(
            device=f"bin-{i + 1}",
            key=dice.randbytes(32),
            point=POINTS[i % len(POINTS)],
            fraction=fraction,
            visits=_visits(dice, people, fraction, count, gap_s),
        )
        for i, (fraction, count) in enumerate(zip(fractions, counts, strict=True))
    ]
    return Village(seed, people, tuple(made))


def _people(dice: random.Random, households: int) -> tuple[Person, ...]:
    blocked = {households - 1}  # somebody whose card was lost
    return tuple(
        Person(
            name=f"Household {i + 1} (synthetic)",
            uid=b"\x04" + dice.randbytes(6),
            pin=f"{dice.randrange(10**6):06d}",
            blocked=i in blocked,
        )
        for i in range(households)
    )


def _share_out(total: int, weights: list[int]) -> list[int]:
    """Split `total` in proportion to the weights, to the last one (largest remainders)."""
    exact = [total * w / sum(weights) for w in weights]
    counts = [int(x) for x in exact]
    order = sorted(range(len(weights)), key=lambda i: counts[i] - exact[i])
    for i in order[: total - sum(counts)]:
        counts[i] += 1
    return counts


def _visits(
    dice: random.Random, people: tuple[Person, ...], fraction: str, count: int, gap_s: int
) -> tuple[Visit, ...]:
    active = [p for p in people if not p.blocked]
    lost = [p for p in people if p.blocked]
    at_s, visits = START_GAP_S, []
    for _ in range(count):
        chance = dice.random()
        if chance < UNKNOWN_SHARE:
            uid = b"\x04" + dice.randbytes(6)
        elif chance < UNKNOWN_SHARE + BLOCKED_SHARE:
            uid = dice.choice(lost).uid
        else:
            uid = dice.choice(active).uid
        grams = max(150, round(STREAMS[fraction][1] * dice.lognormvariate(0, 0.4)))
        visits.append(Visit(at_s, uid, grams, dice.random() < RESTLESS_SHARE))
        at_s += gap_s + dice.randrange(gap_s)
    return tuple(visits)
