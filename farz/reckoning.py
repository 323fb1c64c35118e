"""What should be in the books, worked out from the bins' flash alone: the demo's second opinion.

It opens each bin's journal image, reads who deposited what with the device's card key, and
applies the village's tariff and rules; the simulated world tells how often something was really
dropped in. Nothing here asks the gateway or the backend.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from farz.village import TARIFF_PER_KG, Bin, Person
from firmware import contract
from firmware.journal import read_image

Name = tuple[str, str, int]  # device, epoch, seq: what names a record for ever
DOUBTS = {"overload", "below_min", "unstable", "uncalibrated", "lid_forced"}


@dataclass
class Reckoning:
    """Counts of deposits by the outcome they deserve, and the credit that they are worth."""

    names: set[Name] = field(default_factory=set)
    unsettled: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    minted: int = 0
    damaged: int = 0
    unrecorded: int = 0  # drops into a bin that its journal has nothing of

    @property
    def made(self) -> int:
        return len(self.names)


def reckon(images: Iterable[tuple[Bin, Path]], people: Iterable[Person]) -> Reckoning:
    """Judge every deposit and interrupted visit in the flash images of the village's bins."""
    active = {person.uid: not person.blocked for person in people}
    total = Reckoning()
    for bin_, path in images:
        before = total.made
        card_key = contract.derive(bin_.key, contract.CARD)
        for body, _hash8, state in read_image(path.read_bytes()):
            total.damaged += state == "damaged"
            if body["kind"] not in ("deposit", "interrupted"):
                continue
            total.names.add((bin_.device, body["epoch"], body["seq"]))
            total.unsettled += state != "settled"
            uid = contract.open_card_token(card_key, body["epoch"], body["seq"], body["card"])
            outcome = _outcome(body, active.get(bytes(uid)))
            total.outcomes[outcome] += 1
            if outcome in ("credited", "suspended"):
                total.minted += _worth(body)
        dropped = _drops(path.with_name("out.jsonl"))
        total.unrecorded += max(0, dropped - (total.made - before))
    return total


def _drops(path: Path) -> int:
    """How often the world says that something was dropped into a bin."""
    lines = path.read_text().splitlines()
    return sum(json.loads(line)["event"] == "dropped" for line in lines)


def _outcome(body: dict[str, object], active: bool | None) -> str:
    """`active` is None for a card that was never issued."""
    if body["kind"] == "interrupted" or DOUBTS & set(_flags(body)) or _net_g(body) <= 0:
        return "held"
    return "credited" if active else "suspended"


def _flags(body: dict[str, object]) -> list[str]:
    flags = body["flags"]
    assert isinstance(flags, list)
    return flags


def _net_g(body: dict[str, object]) -> int:
    net_g = body["net_g"]
    assert isinstance(net_g, int)
    return net_g


def _worth(body: dict[str, object]) -> int:
    """Grams times the tariff, rounded half up to a minor unit (DECISIONS.md, 7)."""
    whole, rest = divmod(_net_g(body) * TARIFF_PER_KG[str(body["fraction"])], 1000)
    return whole + (rest >= 500)
