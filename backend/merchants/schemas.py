"""Merchants and payments as JSON. Amounts in minor units."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.ledger.transfers import MAX_AMOUNT
from backend.merchants.service import CREDIT
from backend.schemas import LARGEST, Amount, Name, Seconds, Strict, Words

Code = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[a-z0-9_]+$")]


class MerchantIn(Strict):
    """`kind` is what restricted money asks for: grocer, pharmacy …"""

    name: Name
    kind: Code


class MerchantOut(BaseModel):
    """`promised` is what is left of the promise that is in force."""

    id: int
    name: str
    kind: str
    accounts: dict[str, int]
    promised: int


class AcceptIn(Strict):
    currency: Code


class PromiseIn(Strict):
    """What the merchant promises to accept from `from_s` to `until_s`."""

    from_s: Seconds
    until_s: Seconds
    amount: Amount


class PaymentIn(Strict):
    merchant_id: Annotated[int, Field(ge=1, le=LARGEST)]
    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
    currency: Code = CREDIT


class ReasonIn(Strict):
    reason: Annotated[Words, Field(min_length=1)]
