"""Tariffs as JSON."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.schemas import Fraction, Seconds, Strict, Words
from backend.tariffs.service import DEAREST, GRADE


class RateIn(Strict):
    """Credit per kilogram, in minor units."""

    fraction: Fraction
    grade: Annotated[Words, Field(min_length=1, max_length=12)] = GRADE
    amount_per_kg: Annotated[int, Field(ge=0, le=DEAREST)]


class TariffIn(Strict):
    from_s: Seconds
    note: Words = ""
    rates: Annotated[list[RateIn], Field(min_length=1, max_length=200)]


class RateOut(BaseModel):
    fraction: str
    grade: str
    amount_per_kg: int


class TariffOut(BaseModel):
    """`approved` tariffs are in force from `from_s` until a later one takes over."""

    id: int
    from_s: int
    note: str
    drafted_by: str
    approved_by: list[int]
    approved: bool
    rates: list[RateOut]
