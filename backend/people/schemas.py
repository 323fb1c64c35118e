"""People, balances and statements as JSON."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

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
    """A name is kept with a consent alone. Who gives neither may hold a card without a name.

    Then there is no household either: the registry knows a number, and the card speaks for it.
    """

    name: Name | None = None
    household: Household = ""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "ar"
    consent: ConsentIn | None = None

    @model_validator(mode="after")
    def _name_with_consent(self) -> Self:
        if (self.name is None) != (self.consent is None):
            raise ValueError(
                "A name is kept with a consent alone: say which words were agreed to, when and "
                "how, or leave out both for a card without a name."
            )
        if self.name is None and self.household:
            raise ValueError("A household is named with its members' consent alone.")
        return self


class PersonOut(BaseModel):
    """`name` is empty for whoever holds a card without one."""

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
