"""What a town's file says: its tables and their fields, each with its type and bounds.

A file with mistakes can be read leniently, so that what is right in it is still held against the
rest: an `Unread` stands where a value could not be read, and contradicts nothing.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from backend.budgets.coverage import DEAREST_TONNE
from backend.deposits import provisional
from backend.ledger.melt_terms import ALL, MOST_DAYS
from backend.schemas import LARGEST, Name, Words
from backend.tariffs.service import DEAREST, GRADE

LENIENT: Final = object()  # a context of validation: keep what can be read

Grade = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,12}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Unread(str):
    """A value that could not be read: equal to whatever it is held against, and before nothing.

    Each has a hash of its own, so that no two of them are there twice.
    """

    __slots__ = ()

    def __new__(cls) -> Self:
        return super().__new__(cls, "…")

    def _yes(self, _other: object) -> bool:
        return True

    def _no(self, _other: object) -> bool:
        return False

    __eq__ = __contains__ = _yes
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _no

    def __hash__(self) -> int:
        return id(self)

    def __getattr__(self, _name: str) -> "Unread":
        return Unread()

    def __iter__(self) -> "Iterator[Unread]":
        return iter([Unread()])


class Part(BaseModel):
    """A table of the file; read with the context `LENIENT`, with an `Unread` where it is wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, raw: Any, info: ValidationInfo) -> Any:
        if info.context is not LENIENT:
            return raw
        given = raw if isinstance(raw, dict) else {}
        needed = [name for name, field in cls.model_fields.items() if field.is_required()]
        there = {name: value for name, value in given.items() if name in cls.model_fields}
        return {name: Unread() for name in needed} | there

    @field_validator("*", mode="wrap")
    @classmethod
    def _keep(cls, value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        if info.context is not LENIENT:
            return read(value)
        try:
            return read(value)
        except ValidationError:
            return Unread()


class Town(Part):
    name: Name
    currency: Annotated[str, Field(pattern=r"^[A-Za-z]{2,16}$")]
    scale: Annotated[int, Field(ge=0, le=6)] = 2
    backed_by: Annotated[Words, Field(min_length=1)]
    languages: Annotated[list[Language], Field(min_length=1)]
    timezone: str
    grades: Annotated[list[Grade], Field(min_length=1)] = [GRADE]


class Accepted(Part):
    name: str
    waste_code: str


class Point(Part):
    name: Name


class Place(Part):
    point: str
    since: AwareDatetime


class Device(Part):
    device: str
    places: Annotated[list[Place], Field(min_length=1)]


class Staff(Part):
    login: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,64}$")]
    role: str
    name: Name


class Rate(Part):
    fraction: str
    amount_per_kg: Annotated[int, Field(ge=0, le=DEAREST)]
    grade: Grade = GRADE


class Tariff(Part):
    since: AwareDatetime
    rates: Annotated[list[Rate], Field(min_length=1)]
    until: AwareDatetime | None = None
    point: str | None = None
    note: Words = ""


class Budget(Part):
    since: AwareDatetime
    until: AwareDatetime
    amount: Annotated[int, Field(ge=0, le=LARGEST)]


class Product(Part):
    name: Name
    amount_per_kg: Annotated[int, Field(ge=1, le=10**9)]


class Cards(Part):
    """What a card that proves nothing may bring a day, in grams and in minor units.

    A file that says nothing gives `caps.DEFAULT_DAILY_G`; `plain_uncapped = true` gives no cap.
    """

    plain_daily_g: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    plain_daily_amount: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    plain_uncapped: bool = False


class Deposits(Part):
    """How many days staff have to look at what is held and most likely right.

    Then it is credited; 0: it waits for a person for ever.
    """

    provisional_days: Annotated[int, Field(ge=0, le=provisional.MOST_DAYS)]


class Expiry(Part):
    """Credit that was not spent so many days after it came goes back to the town."""

    days: Annotated[int, Field(ge=1, le=MOST_DAYS)]


class Demurrage(Part):
    """A share of what lies above a free amount goes back to the town each month.

    `basis_points` are hundredths of a percent, `free_amount` is in minor units.
    """

    basis_points: Annotated[int, Field(ge=1, le=ALL)]
    free_amount: Annotated[int, Field(ge=0, le=LARGEST)] = 0


class Saving(Part):
    fraction: str
    amount_per_tonne: Annotated[int, Field(ge=0, le=DEAREST_TONNE)]


class Factors(Part):
    """A pack of figures from elsewhere: what a tonne saves in disposal, and who says so."""

    pack: Name
    source: Annotated[str, Field(min_length=1, max_length=50)]
    since: AwareDatetime
    disposal: Annotated[list[Saving], Field(min_length=1)]


class People(Part):
    """So many people who do not exist, for a town that is tried out."""

    synthetic: Annotated[int, Field(ge=1, le=100_000)]


class Plan(Part):
    """A whole town; every name that it mentions is one that it has."""

    town: Town
    fractions: Annotated[list[Accepted], Field(min_length=1)]
    points: Annotated[list[Point], Field(min_length=1)]
    devices: list[Device] = []
    staff: Annotated[list[Staff], Field(min_length=1)]
    tariffs: list[Tariff] = []
    budgets: list[Budget] = []
    products: list[Product] = []
    cards: Cards | None = None
    deposits: Deposits | None = None
    expiry: Expiry | None = None
    demurrage: Demurrage | None = None
    factors: list[Factors] = []
    people: People | None = None
