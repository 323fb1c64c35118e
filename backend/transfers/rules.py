"""Who may have what booked, and what nobody may: pure rules over what the books hold.

Money is made from signed records alone, and what came to an account of the town's own leaves it
only by the way it came: a payment joins two members' accounts, a correction turns round one
transfer that it names. Nothing here debits an issuer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from backend.errors import BadInput, Forbidden, NotFound
from backend.ledger.accounts import FIRST_DRAWN
from backend.ledger.balances import MOVES
from backend.ledger.transfers import Code, Leg

PAY, CORRECT = Code.PAY.name.lower(), Code.CORRECT.name.lower()
CODES = {PAY: Code.PAY, CORRECT: Code.CORRECT}


@dataclass(frozen=True, slots=True)
class Original:
    """A transfer in the books that a correction names."""

    debit: int
    credit: int
    amount: int
    state: int


def check_time(effective_s: int, opened_s: int, now_s: int) -> None:
    """Raises BadInput for a moment before the books opened, or one that is still to come."""
    if not opened_s <= effective_s <= now_s:
        raise BadInput("A transfer takes effect after the books were opened, and not in future.")


def check_payer(legs: Sequence[Leg], own: Collection[int]) -> None:
    """A resident pays, and from their own accounts. Raises Forbidden."""
    for leg in legs:
        if leg.code != Code.PAY or leg.debit not in own:
            raise Forbidden("You may pay from your own account, and nothing else.")


def check_payments(legs: Sequence[Leg], members: Collection[int]) -> None:
    """Payments join members' accounts. Raises BadInput for the town's own, NotFound for none."""
    for leg in legs:
        if leg.code != Code.PAY:
            continue
        if leg.corrects_id is not None:
            raise BadInput("A payment corrects nothing; the code of a correction is 'correct'.")
        if min(leg.debit, leg.credit) < FIRST_DRAWN:
            raise BadInput("A payment goes from one member's account to another's.")
        if leg.debit not in members or leg.credit not in members:
            raise NotFound("There is no member with such an account.")


def check_settlement(
    debit: int, credit: int, own: Collection[int], outcome: str, part: bool
) -> None:
    """A resident gives what they held back, whole, or waives what is held for them.

    Raises NotFound for a hold of others, Forbidden for what only staff may do.
    """
    if debit not in own and credit not in own:
        raise NotFound("There is no such hold of yours.")
    if part or (debit if outcome == "post" else credit) not in own:
        raise Forbidden("Whoever pays may post a hold whole; whoever is paid may void it.")


def check_corrections(
    legs: Sequence[Leg],
    originals: Mapping[int, Original],
    issuers: Collection[int],
    corrected: Collection[int],
) -> None:
    """A correction turns round what it names, at most once and by no more than it was.

    Raises BadInput, NotFound.
    """
    seen = set(corrected)
    for leg in legs:
        if leg.code != Code.CORRECT:
            continue
        if leg.hold is not None:
            raise BadInput("A correction is not held back.")
        if leg.corrects_id is None:
            raise BadInput("A correction names the transfer that it corrects.")
        original = originals.get(leg.corrects_id)
        if original is None:
            raise NotFound(f"There is no transfer {leg.corrects_id} to correct.")
        if leg.corrects_id in seen:
            raise BadInput(f"Transfer {leg.corrects_id} was corrected before.")
        if (leg.debit, leg.credit) != (original.credit, original.debit):
            raise BadInput(f"A correction of transfer {leg.corrects_id} goes the other way round.")
        if original.state not in MOVES or leg.amount > original.amount:
            raise BadInput(f"Transfer {leg.corrects_id} moved less than that.")
        if leg.debit in issuers:
            raise BadInput("Money is made from signed records alone, not by a correction.")
        seen.add(leg.corrects_id)
