"""Transfers as JSON, in the ledger's terms: an amount moves from a debit to a credit account."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.ledger.transfers import MAX_AMOUNT, MAX_LEGS
from backend.schemas import LARGEST, Seconds, Strict, Words
from backend.transfers.service import Transfer

AccountNumber = Annotated[int, Field(ge=1, le=LARGEST)]


class HoldIn(Strict):
    """Reserve only, until `expires_s`; then it is posted or voided, as said here."""

    expires_s: Seconds
    on_expiry: Literal["post", "void"] = "void"


class SettlementIn(Strict):
    """Post a hold, up to its amount (all of it where none is given), or void it."""

    outcome: Literal["post", "void"]
    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)] | None = None


class LegIn(Strict):
    """A payment, or the correction of the transfer `corrects_id`, in whole or in part.

    A payment with `hold` moves nothing yet: its transfer's number is the hold's.
    """

    debit_account_id: AccountNumber
    credit_account_id: AccountNumber
    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
    code: Literal["pay", "correct"] = "pay"
    corrects_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    hold: HoldIn | None = None


class TransferIn(Strict):
    """Legs that are booked together or not at all. `effective_s` is now where it is left out."""

    legs: Annotated[list[LegIn], Field(min_length=1, max_length=MAX_LEGS)]
    effective_s: Seconds | None = None
    reason: Words = ""


class GroupOut(BaseModel):
    """Of a group a resident sees what moved their own account."""

    group_id: int
    transfers: list[Transfer]
    booked_by: str | None
    reason: str | None
    replayed: bool
