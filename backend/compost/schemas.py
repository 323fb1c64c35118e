"""Compost as JSON. Weights in grams, credit in minor units."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.compost.service import GRAMS_MOST
from backend.schemas import LARGEST, Name, Strict, Words

Grams = Annotated[int, Field(ge=1, le=GRAMS_MOST)]


class ProductIn(Strict):
    name: Name


class ProductOut(BaseModel):
    id: int
    name: str
    stock_g: int
    amount_per_kg: int | None


class PriceIn(Strict):
    """In force from now on."""

    amount_per_kg: Annotated[int, Field(ge=1, le=10**9)]


class StockIn(Strict):
    grams: Grams
    note: Words = ""


class RedemptionIn(Strict):
    product_id: Annotated[int, Field(ge=1, le=LARGEST)]
    person_id: Annotated[int, Field(ge=1, le=LARGEST)]
    grams: Grams


class RedemptionOut(BaseModel):
    """`receipt` is what is printed and can be looked up."""

    receipt: str
    product: str
    person_id: int
    grams: int
    amount: int
    amount_per_kg: int
    redeemed_s: int
    replayed: bool
