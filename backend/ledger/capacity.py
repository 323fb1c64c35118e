"""What may pass through an account in all, so that no sum outgrows the 64 bits it is kept in.

An account's counters only grow, whatever its balance is. Amounts up to `LARGE` cannot fill the
upper half of a counter within 2**32 transfers, so nothing is read for them; a batch with a larger
one reads the counters of the accounts that it touches, and keeps them below `MOST`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from backend.ledger.errors import TooMuchInAll

LARGE = 2**30
MOST = 2**62


@dataclass(slots=True)
class Turned:
    """What was ever taken from and brought to an account, with what open holds reserve."""

    debits: int
    credits: int


def full(turned: Mapping[int, Turned], debit: int, credit: int, amount: int) -> int | None:
    """The account that can no longer take part in a movement of `amount`, if there is one."""
    payer, payee = turned.get(debit), turned.get(credit)
    if payer is not None and payer.debits + amount > MOST:
        return debit
    return credit if payee is not None and payee.credits + amount > MOST else None


def check_room(turned: Mapping[int, Turned], debit: int, credit: int, amount: int) -> None:
    """Raises TooMuchInAll for a movement that a counter may have no room for."""
    account_id = full(turned, debit, credit, amount)
    if account_id is not None:
        raise TooMuchInAll(
            f"All that ever passed through account {account_id} would exceed {MOST}, the most "
            "that its books can count. Open another account for it."
        )


def turn(turned: Mapping[int, Turned], debit: int, credit: int, amount: int) -> None:
    """Counts a movement or a reservation; a negative amount takes it back."""
    if debit in turned:
        turned[debit].debits += amount
    if credit in turned:
        turned[credit].credits += amount
