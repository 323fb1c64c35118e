"""What a check saw: how bad it is, in words, and the command that mends it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

WELL, WARNING, WRONG = 0, 1, 2


@dataclass(frozen=True)
class Finding:
    """`level` is the exit code that it asks for; every finding above 0 has a cure."""

    check: str
    level: int
    words: str
    cure: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


Check = Callable[[str], Finding]
