"""Sales that a counter made while it could not ask, told later and booked once under their name.

The goods are gone: nothing is refused for want of money. The payer gives what is available at
the moment of booking, the shortfall account the rest, so that the payee is paid in full and what
is missing stands in one place.
"""

from typing import NamedTuple

from backend.ledger.accounts import CREDIT, SHORTFALL
from backend.ledger.capacity import check_room
from backend.ledger.errors import BadGroup
from backend.ledger.transfers import Code, Purses, Sale, check_amount, check_leg

SHORT = "short"


class Part(NamedTuple):
    """Who pays how much of a sale."""

    debit: int
    amount: int
    code: Code


def parts(purses: Purses, sale: Sale) -> list[Part]:
    """The payer's part and what the town bears, without those of nothing.

    Raises what the payee may not take: an account that is none, closed, full, or of other money.
    """
    check_amount(sale.amount)
    if sale.payer_id == sale.payee_id:
        raise BadGroup(f"Account {sale.payer_id} cannot buy from itself.")
    check_leg(purses, SHORTFALL, sale.payee_id, sale.amount)
    check_room(purses.turned, sale.payer_id, sale.payee_id, sale.amount)
    taken = _spendable(purses, sale.payer_id, sale.amount)
    both = (
        Part(sale.payer_id, taken, Code.SALE),
        Part(SHORTFALL, sale.amount - taken, Code.SHORTFALL),
    )
    return [part for part in both if part.amount]


def _spendable(purses: Purses, account_id: int, asked: int) -> int:
    """How much of `asked` an account can pay now: nothing if it is none, closed or other money."""
    terms = purses.terms.get(account_id)
    if terms is None or terms.closed or terms.currency_id != CREDIT:
        return 0
    if terms.min_balance is None:
        return asked
    purse = purses.money[account_id]
    return max(0, min(asked, purse.posted - purse.held - terms.min_balance))
