"""When credit melts and how much of it: pure arithmetic in whole numbers, no clock, no database.

Credit melts at midnights, UTC: expiry at every one, demurrage at the first of each month. What
came to an account before the rule was decided counts as if it had come then, and the month in
which it was decided is free. Everything that does not divide is rounded in the holder's favour.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from backend.ledger.errors import BadRule
from backend.ledger.transfers import MAX_AMOUNT, Code

DAY_S = 86_400
NONE, EXPIRY, DEMURRAGE = "none", "expiry", "demurrage"
# The code of the transfers that a rule makes.
CODES = {EXPIRY: Code.EXPIRE, DEMURRAGE: Code.DEMURRAGE}
MOST_DAYS = 36_600  # a hundred years
ALL = 10_000  # basis points


@dataclass(frozen=True, slots=True)
class Melting:
    """`way` is none, expiry (`days`) or demurrage (`basis_points` a month above `free_amount`)."""

    way: str = NONE
    days: int = 0
    basis_points: int = 0
    free_amount: int = 0

    def check(self) -> None:
        """Raises BadRule for what is no rule."""
        if self.way not in (NONE, *CODES):
            raise BadRule(f"Credit melts by one of {', '.join(CODES)}, or by {NONE}.")
        if (self.days != 0) != (self.way == EXPIRY) or not 0 <= self.days <= MOST_DAYS:
            raise BadRule(f"An expiry, and nothing else, has 1 to {MOST_DAYS} days.")
        if (self.basis_points != 0) != (self.way == DEMURRAGE) or not 0 <= self.basis_points <= ALL:
            raise BadRule(f"A demurrage, and nothing else, takes 1 to {ALL} basis points a month.")
        if not 0 <= self.free_amount <= (MAX_AMOUNT if self.way == DEMURRAGE else 0):
            raise BadRule("A demurrage, and nothing else, leaves an amount free.")


NO_MELTING = Melting()


@dataclass(frozen=True, slots=True)
class MeltRule:
    """A row of `melt_rule`: in force from `from_s` (Unix) until the next one of its currency."""

    number: int
    currency_id: int
    melting: Melting
    from_s: int
    decided_by: str = ""

    def cutoff_s(self, due_s: int) -> int:
        """What came before this moment is looked at when credit melts at `due_s`."""
        return due_s - self.melting.days * DAY_S

    def is_moment(self, due_s: int) -> bool:
        """Whether credit melts by this rule at a moment."""
        if self.melting.way == EXPIRY:
            return due_s % DAY_S == 0 and self.cutoff_s(due_s) >= self.from_s
        if self.melting.way == DEMURRAGE:
            return due_s == month_start(due_s) and month_start(due_s - 1) >= self.from_s
        return False

    def due(self, after_s: int, now_s: int) -> int | None:
        """The moment later than `after_s` whose turn it is at `now_s`.

        Expiry asks what is too old, so the last midnight does for those before. Each month of
        demurrage has a turn of its own, the oldest first.
        """
        if self.melting.way == EXPIRY:
            found = now_s // DAY_S * DAY_S
        elif self.melting.way == DEMURRAGE:
            found = self.next_moment(after_s)
        else:
            return None
        return found if after_s < found <= now_s and self.is_moment(found) else None

    def next_moment(self, after_s: int) -> int:
        """The first moment later than `after_s` at which anything may melt."""
        if self.melting.way == EXPIRY:
            first_s = self.from_s + self.melting.days * DAY_S
            return max(after_s // DAY_S + 1, -(-first_s // DAY_S)) * DAY_S
        began_s = self.from_s if self.from_s == month_start(self.from_s) else _next(self.from_s)
        return max(_next(after_s), _next(began_s))

    def amount(self, then: tuple[int, int], debits: int, held: int, credits: int) -> int:
        """What melts of an account: 0 or more, and never more than is available.

        `then` are its (debits, credits) at the cutoff, the rest are its own of this moment. For an
        expiry all that was ever spent or is held counts against the oldest credit (first in,
        first out); what is left of the credit up to the cutoff has lain there too long. For a
        demurrage the base is what was there at the cutoff and still is, without what is held.
        """
        if self.melting.way == EXPIRY:
            return max(0, then[1] - debits - held)
        base = min(then[1] - then[0], credits - debits - held)
        above = max(0, base - self.melting.free_amount)
        return above * self.melting.basis_points // ALL


def month_start(at_s: int) -> int:
    """The first midnight, UTC, of a moment's month."""
    day = datetime.fromtimestamp(at_s, UTC)
    return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp())


def _next(at_s: int) -> int:
    """The first midnight of the month after a moment's."""
    return month_start(month_start(at_s) + 32 * DAY_S)
