"""Cards as JSON. A UID comes in to be hashed and goes nowhere."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.schemas import Strict

# What the reader saw, in hex.
Uid = Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2}){4,10}$")]
Pin = Annotated[str, Field(pattern=r"^[0-9]{4,8}$")]


class CardIn(Strict):
    """Without a `pin` one is drawn, and shown this once."""

    uid: Uid
    pin: Pin | None = None


class LostIn(CardIn):
    """`number` says which card is lost, for whoever has several."""

    number: Annotated[str, Field(max_length=16)] | None = None


class TapIn(Strict):
    uid: Uid


class PinIn(Strict):
    old_pin: Annotated[str, Field(max_length=16)]
    pin: Pin


class CardOut(BaseModel):
    """`number` is printed on the card; `last4` are the last digits of its UID.

    `tier` is secure for a card that proves at each tap that it is itself, and plain for one whose
    number can be copied: what a plain card brings a day is capped.
    """

    number: str
    last4: str
    person_id: int
    state: Literal["active", "blocked"]
    tier: Literal["plain", "secure"]


class PinOut(BaseModel):
    """`pin` is shown this once."""

    number: str
    pin: str


class IssuedOut(CardOut):
    """`claimed` deposits had been brought with this card before it had a holder.

    `pin` is there if it was drawn, this once.
    """

    claimed: int
    pin: str | None


class SwappedOut(IssuedOut):
    """The new card, and the number of the one that it took the place of."""

    old_number: str
