"""What the verifier says: how much it looked at, and what is wrong."""

from dataclasses import dataclass, field

# So many offenders of one law are named; the rest are counted.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken invariant and the row that breaks it."""

    invariant: str
    words: str


@dataclass(slots=True)
class Report:
    """What was checked and what was found.

    `erased` records are left as a commitment only; `sealed` ones wait for their person's key.
    """

    ledger_id: int
    transfers: int = 0
    accounts: int = 0
    records: int = 0
    erased: int = 0
    sealed: int = 0
    checkpoints: int = 0
    issued: dict[int, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, invariant: str, words: str) -> None:
        """Notes a problem, up to a bound for each invariant."""
        if sum(p.invariant == invariant for p in self.problems) < NAMED:
            self.problems.append(Problem(invariant, words))
