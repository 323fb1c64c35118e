"""People, balances and statements as JSON."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.schemas import Name, Strict, Words


class PersonIn(Strict):
    name: Name
    household: Annotated[Words, Field(max_length=64)] = ""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "ar"


class PersonOut(BaseModel):
    id: int
    name: str
    household: str
    language: str


class BalanceOut(BaseModel):
    """Minor units of the town's credit; `scale` is how many decimals a person sees."""

    person_id: int
    balance: int
    available: int
    currency: str
    scale: int
