"""Cards as JSON. A UID comes in to be hashed and goes nowhere."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.schemas import Strict


class CardIn(Strict):
    """`uid` is what the reader saw, in hex."""

    uid: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2}){4,10}$")]
    pin: Annotated[str, Field(pattern=r"^[0-9]{4,8}$")]


class CardOut(BaseModel):
    """`number` is printed on the card; `last4` are the last digits of its UID."""

    number: str
    last4: str
    person_id: int
    state: Literal["active", "blocked"]


class IssuedOut(CardOut):
    """`claimed` deposits had been brought with this card before it had a holder."""

    claimed: int
