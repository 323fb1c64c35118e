"""Tariffs as JSON."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.schemas import LARGEST, Fraction, Seconds, Strict, Words
from backend.tariffs.service import DEAREST, GRADE
from backend.tariffs.simulation import FractionChange


class RateIn(Strict):
    """Credit per kilogram, in minor units."""

    fraction: Fraction
    grade: Annotated[Words, Field(min_length=1, max_length=12)] = GRADE
    amount_per_kg: Annotated[int, Field(ge=0, le=DEAREST)]


class TariffIn(Strict):
    """Without `until_s` until a later one takes over, without `point_id` everywhere."""

    from_s: Seconds
    until_s: Seconds | None = None
    point_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    note: Words = ""
    rates: Annotated[list[RateIn], Field(min_length=1, max_length=200)]


class RateOut(BaseModel):
    fraction: str
    grade: str
    amount_per_kg: int


class TariffOut(BaseModel):
    """`approved` tariffs are in force from `from_s` to `until_s`, or until a later one."""

    id: int
    from_s: int
    until_s: int | None
    point_id: int | None
    note: str
    drafted_by: str
    approved_by: list[int]
    approved: bool
    rates: list[RateOut]


class SimulationOut(BaseModel):
    """Minor units and grams. `households` counts those who would gain, lose, or stay as they are;
    `spread` are the 0th, 10th … 100th percentile of a household's change.
    """

    tariff_id: int
    since_s: int
    until_s: int
    deposits: int
    net_g: int
    paid: int
    would_pay: int
    fractions: list[FractionChange]
    households: dict[str, int]
    spread: list[int]
