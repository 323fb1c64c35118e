"""Compost as JSON. Weights in grams, credit in minor units."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.compost.heaps import LEAST_DAYS, MOST_DAYS, Input
from backend.compost.rules import RULES
from backend.compost.service import GRAMS_MOST
from backend.counters.service import EVERYWHERE
from backend.schemas import LARGEST, Name, RowNumber, Seconds, Strict, Words

Grams = Annotated[int, Field(ge=1, le=GRAMS_MOST)]


class ProductIn(Strict):
    name: Name


class ProductOut(BaseModel):
    """`stock_g` is reserved for nobody; `free_g` is it without what people who wait ordered."""

    id: int
    name: str
    stock_g: int
    waiting_g: int
    free_g: int
    amount_per_kg: int | None


class PriceIn(Strict):
    """In force from `from_s` on; from now on where it is left out."""

    amount_per_kg: Annotated[int, Field(ge=1, le=10**9)]
    from_s: Seconds | None = None


class RedemptionIn(Strict):
    product_id: Annotated[int, Field(ge=1, le=LARGEST)]
    person_id: Annotated[int, Field(ge=1, le=LARGEST)]
    grams: Grams
    counter_id: RowNumber = EVERYWHERE
    after_close: bool = False


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
    voided: bool = False


class OrderIn(Strict):
    product_id: Annotated[int, Field(ge=1, le=LARGEST)]
    grams: Grams


class AtCounterIn(Strict):
    """Where it happens; after the day's close only with `after_close`, into the next one."""

    counter_id: RowNumber = EVERYWHERE
    after_close: bool = False


class VoidIn(AtCounterIn):
    reason: Annotated[Words, Field(min_length=1)]


class RuleIn(Strict):
    name: Annotated[str, Field(json_schema_extra={"enum": [*RULES]}, max_length=20)]
    value: Annotated[int, Field(ge=0, le=LARGEST)]


class HeapIn(Strict):
    """A heap; `started_s` is now where it is left out."""

    product_id: Annotated[int, Field(ge=1, le=LARGEST)]
    maturity_days: Annotated[int, Field(ge=LEAST_DAYS, le=MOST_DAYS)] = LEAST_DAYS
    started_s: Seconds | None = None
    note: Words = ""


class InputIn(Strict):
    """What goes in: a fraction or a structure material, and where it came from."""

    material: Annotated[Name, Field(max_length=40)]
    grams: Grams
    source: Annotated[Words, Field(max_length=120)] = ""


class YieldIn(Strict):
    grams: Grams


class DiscardIn(Strict):
    """`grams` is what was weighed as it was taken away, 0 if nothing was left."""

    grams: Annotated[int, Field(ge=0, le=LARGEST)]
    reason: Annotated[Words, Field(min_length=1)]


class HeapOut(BaseModel):
    """`yield_permille` is what was weighed out per 1,000 g that went in; `discarded_g` is of a heap
    that failed, with its reason."""

    id: int
    product_id: int
    started_s: int
    ripe_s: int
    note: str
    inputs: list[Input]
    input_g: int
    out_g: int
    yield_permille: int | None
    discarded_g: int | None
    discarded_s: int | None
    reason: str
