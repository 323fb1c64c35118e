"""Slips as JSON. Weights in grams."""

from typing import Annotated, Literal

from pydantic import Field

from backend.paper.service import MOST_G
from backend.schemas import LARGEST, Fraction, RowNumber, Seconds, Strict, Words

Numbered = Annotated[int, Field(ge=1, le=1_000_000)]


class SlipIn(Strict):
    """What is on the slip; `card` is the number printed on the holder's card.

    A deposit has a `fraction`, a redemption a `product_id`. `e_g` is the scale's interval.
    """

    kind: Literal["deposit", "redemption"]
    book: Numbered
    number: Numbered
    card: Annotated[str, Field(min_length=1, max_length=40)]
    gross_g: Annotated[int, Field(ge=1, le=MOST_G)]
    tare_g: Annotated[int, Field(ge=0, le=MOST_G)] = 0
    happened_s: Seconds
    fraction: Fraction | None = None
    product_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None
    point_id: RowNumber | None = None
    counter_id: RowNumber = 0
    e_g: Annotated[int, Field(ge=1, le=100_000)] = 20
    note: Words = ""


class RejectionIn(Strict):
    reason: Annotated[Words, Field(min_length=1)]
