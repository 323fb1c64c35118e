"""Compost as JSON. Weights in grams, credit in minor units."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.compost.service import GRAMS_MOST
from backend.schemas import LARGEST, Strict

Grams = Annotated[int, Field(ge=1, le=GRAMS_MOST)]


class ProductIn(Strict):
    name: Annotated[str, Field(min_length=1, max_length=120)]


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
    note: Annotated[str, Field(max_length=200)] = ""


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
