"""Corrections: a transfer that goes back the way of another one, and names it.

Nothing is edited: what was booked stays, and all corrections of a transfer together take back no
more than it moved.
"""

from collections.abc import Mapping
from typing import NamedTuple

from backend.ledger.errors import BadCorrection, UnknownTransfer
from backend.ledger.transfers import Leg


class Left(NamedTuple):
    """A transfer's accounts, and how much of it nobody has taken back."""

    debit: int
    credit: int
    amount: int


def correct(left: dict[int, Left], booked: Mapping[int, Left], leg: Leg) -> None:
    """Takes a leg's correction off what is left, which starts as it is in the books.

    Raises UnknownTransfer, and BadCorrection for the wrong way, too much, or a reservation.
    """
    number = leg.corrects_id or 0
    found = left.get(number) or booked.get(number)
    if found is None:
        raise UnknownTransfer(f"There is no transfer {number} in this ledger.")
    goes_back = (leg.debit, leg.credit) == (found.credit, found.debit)
    if not goes_back or leg.amount > found.amount or leg.hold is not None:
        raise BadCorrection(
            f"Of transfer {number}, from {found.debit} to {found.credit}, {found.amount} can "
            "still be taken back; a correction goes the other way, at once, up to that amount."
        )
    left[number] = found._replace(amount=found.amount - leg.amount)
