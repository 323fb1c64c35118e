"""The acceptance test of a new bin, over the cable: every part once, and the way to the books.

A step is passed, failed or skipped, with what was found in words. The last one runs the whole bin
until a record of its own has been acknowledged by the gateway.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import typer

from farz.device_cable import Cable, CableFault
from farz.errors import FarzError
from firmware.scale.limits import permissible_mg

NETWORK_S = 60  # what a question may take beyond the seconds that it names
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
WORD = "welcome"
Step = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    step: str
    verdict: str
    words: str


class Acceptance:
    """Each method is a step: it returns words, or raises FarzError with them."""

    def __init__(
        self, cable: Cable, device: str, weight_g: int, say: Step, seconds: int, asks: bool
    ) -> None:
        self._cable = cable
        self._device = device
        self._weight_g = weight_g
        self._say = say
        self._seconds = seconds
        self._asks = asks
        self._about: dict[str, Any] = cable.ask("about")
        if self._about["device"] != device:
            raise FarzError(f"The bin at this cable is {self._about['device']}, not {device}.")

    def steps(self) -> dict[str, Callable[[], str]]:
        return {
            "journal": self.journal,
            "zero": self.zero,
            "weight": self.weight,
            "lid": self.lid,
            "display": self.display,
            "card": self.card,
            "link": self.link,
        }

    def journal(self) -> str:
        return f"epoch {self._about['epoch']}, {self._about['depth']} records wait"

    def zero(self) -> str:
        if not self._about.get("cal"):
            raise FarzError(f"not calibrated. Run: farz device calibrate {self._device}")
        self._say("Empty the platform and shut the lid.")
        return self._weighed(0)

    def weight(self) -> str:
        self._say(f"Put {self._weight_g} g on the platform.")
        return self._weighed(self._weight_g)

    def lid(self) -> str:
        self._say("The lock opens now for ten seconds: open the lid and shut it again.")
        found = self._cable.ask("unlock", seconds=10, patience_s=NETWORK_S)
        if not found["opened"] or not found["shut"]:
            raise FarzError("the switch did not tell that the lid was opened and shut")
        return "unlocked, opened, shut, locked"

    def display(self) -> str:
        failures = self._cable.ask("show", word=WORD)["failures"]
        if failures:
            raise FarzError("the display does not answer on its bus")
        if self._asks and not typer.confirm("Does the display say welcome?", err=True):
            raise FarzError("nobody could read it")
        return "answers" + (", and was read" if self._asks else "")

    def card(self) -> str:
        self._say("Hold a card at the reader.")
        found = self._cable.ask("card", seconds=20, patience_s=NETWORK_S)
        return f"a number of {found['bytes']} bytes was read"

    def link(self) -> str:
        self._say("Leave the bin alone with its lid shut.")
        patience_s = self._seconds + NETWORK_S
        found = self._cable.ask("live", seconds=self._seconds, patience_s=patience_s)
        missing = [name for name, well in found.items() if not well]
        if missing:
            raise FarzError(f"within {self._seconds} s not well: {', '.join(missing)}")
        return "online, and the gateway has recorded what the bin sent"

    def _weighed(self, grams: int) -> str:
        found = self._cable.ask("weigh")
        allowed_g = permissible_mg(1000 * grams, self._about["limits"][0]) / 1000
        if not found["stable"]:
            raise FarzError("the scale finds no rest")
        if abs(found["grams"] - grams) > allowed_g:
            raise FarzError(
                f"{found['grams']} g instead of {grams} g, {allowed_g} g are permissible"
            )
        return f"{found['grams']} g"


def accept(
    cable: Cable,
    device: str,
    weight_g: int,
    skip: set[str],
    say: Step,
    *,
    seconds: int,
    asks: bool,
) -> dict[str, Any]:
    """Go through all steps; the report has `ok` and a row for each."""
    test = Acceptance(cable, device, weight_g, say, seconds, asks)
    unknown = skip - set(test.steps())
    if unknown:
        raise FarzError(
            f"There is no step {', '.join(sorted(unknown))}. There are: {', '.join(test.steps())}."
        )
    found = list(_run(test, skip))
    ok = all(each.verdict != FAILED for each in found)
    return {"device": device, "ok": ok, "steps": [asdict(each) for each in found]}


def _run(test: Acceptance, skip: set[str]) -> Iterator[Found]:
    for name, step in test.steps().items():
        if name in skip:
            yield Found(name, SKIPPED, "left out")
            continue
        try:
            yield Found(name, PASSED, step())
        except CableFault as fault:
            yield Found(name, FAILED, str(fault).removeprefix("The bin says: "))
        except FarzError as error:
            yield Found(name, FAILED, str(error))
