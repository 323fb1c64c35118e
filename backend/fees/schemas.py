"""Fee discounts as JSON. Amounts in minor units of the credit."""

from typing import Annotated

from pydantic import Field

from backend.ledger.transfers import MAX_AMOUNT
from backend.schemas import Strict

Bill = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Whole = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]


class DiscountIn(Strict):
    """`bill` is the fee bill's reference, `bill_amount` what it asks for, valued in credit."""

    bill: Bill
    bill_amount: Whole
    amount: Whole
