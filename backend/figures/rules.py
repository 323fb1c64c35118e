"""When a figure may be published: pure rules over what each household brought.

A cell is a fraction's sum in a month. It is safe when at least K households brought it and none
of them more than half of it. One that is not is suppressed, and so are further ones, the
smallest first, until what is suppressed together is safe as well: else the total less the rest
would tell it. Shown numbers are rounded, so that one deposit more or less changes most of them
not at all. (Primary and complementary suppression, dominance rule: Hundepool et al.,
Statistical Disclosure Control, 2012, ch. 4.)
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

K = 10
KG_STEP, DEPOSITS_STEP, HOUSEHOLDS_STEP = 10, 10, 5
ALL = "all"


@dataclass(slots=True)
class Brought:
    """What one cell is made of: grams by household, and how many deposits.

    Waste whose household is not known weighs in `unknown_g` and hides nobody.
    """

    grams: Counter[str] = field(default_factory=Counter)
    unknown_g: int = 0
    deposits: int = 0

    @property
    def net_g(self) -> int:
        return self.grams.total() + self.unknown_g

    @property
    def safe(self) -> bool:
        return len(self.grams) >= K and 2 * max(self.grams.values()) <= self.net_g


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as it is published; without numbers where it is suppressed."""

    fraction: str
    suppressed: bool
    kg: int | None = None
    deposits: int | None = None
    households: int | None = None


def together(cells: Iterable[Brought]) -> Brought:
    """Return what several cells are made of."""
    found = Brought()
    for cell in cells:
        found.grams.update(cell.grams)
        found.unknown_g += cell.unknown_g
        found.deposits += cell.deposits
    return found


def suppressed(cells: Mapping[str, Brought]) -> set[str]:
    """Return which fractions may not be shown beside their total."""
    hidden = {name for name, cell in cells.items() if not cell.safe}
    smallest_first = sorted(
        (name for name in cells if name not in hidden), key=lambda name: (cells[name].net_g, name)
    )
    while hidden and smallest_first:
        if len(hidden) > 1 and together(cells[name] for name in hidden).safe:
            break
        hidden.add(smallest_first.pop(0))
    return hidden


def publish(cells: Mapping[str, Brought]) -> list[Cell]:
    """Return a month's table: the total, then its fractions, in the order of names.

    Without a safe total nothing is shown: what is safe together has a safe sum, so that then
    `suppressed` goes on to the last fraction.
    """
    total, hidden = together(cells.values()), suppressed(cells)
    fractions = [_cell(name, cells[name], name in hidden) for name in sorted(cells)]
    return [_cell(ALL, total, not total.safe), *fractions]


def rounded(value: int, step: int) -> int:
    """Return the nearest multiple of a step, halves up."""
    return (value + step // 2) // step * step


def _cell(name: str, brought: Brought, hide: bool) -> Cell:
    if hide:
        return Cell(name, True)
    return Cell(
        name,
        False,
        rounded(brought.net_g, 1_000 * KG_STEP) // 1_000,
        rounded(brought.deposits, DEPOSITS_STEP),
        rounded(len(brought.grams), HOUSEHOLDS_STEP),
    )
