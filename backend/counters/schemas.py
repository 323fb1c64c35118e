"""Closed days as JSON. Weights in grams, credit in minor units."""

from pydantic import BaseModel

from backend.counters.service import Total


class CloseOut(BaseModel):
    """A closed day; `amount` is without what was voided. `late` came after its own day's close."""

    counter_id: int
    number: int
    day: str
    upto_id: int
    closed_by: str
    closed_s: int
    totals: list[Total]
    voids: int
    voided_amount: int
    amount: int
    late: int
