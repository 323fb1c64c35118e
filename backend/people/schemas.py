"""People, balances and statements as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.access.scopes import ROLES
from backend.schemas import Name, Seconds, Strict, Words

Scope = Annotated[str, Field(max_length=32, json_schema_extra={"enum": sorted(ROLES["delegate"])})]
Household = Annotated[Words, Field(max_length=64)]


class ConsentIn(Strict):
    """Which version of the town's words was agreed to, when (Unix) and how."""

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,32}$")]
    given_s: Seconds
    how: Literal["paper", "spoken", "online"]


class ConsentOut(BaseModel):
    version: str
    given_s: int
    how: str


class PersonIn(Strict):
    name: Name
    household: Household = ""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "ar"
    consent: ConsentIn | None = None


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


class HouseholdIn(Strict):
    household: Annotated[Household, Field(min_length=1)]


class DelegateIn(Strict):
    """Whoever holds this card, under this name, as the holder knows them."""

    number: Annotated[str, Field(max_length=16)]
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=8)]
    until_s: Seconds | None = None


class DelegateOut(BaseModel):
    id: int
    holder_id: int
    delegate_id: int
    delegate: str
    scopes: list[str]
    from_s: int
    until_s: int | None


class ListIn(Strict):
    """`csv` is the file's text; with `check` nothing is changed."""

    csv: Annotated[str, Field(max_length=1_500_000)]
    check: bool = False


class SlipOut(BaseModel):
    """`pin` is shown this once."""

    person_id: int
    name: str
    number: str
    pin: str


class EnrolledOut(BaseModel):
    people: int
    cards: int
    known: int
    claimed: int
    erased: int
    slips: list[SlipOut]
