"""Tickets and the mass balance as JSON. Weights in grams."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from backend.collecting.service import HEAVIEST_G
from backend.schemas import Fraction, RowNumber, Seconds, Strict

Short = Annotated[str, Field(max_length=20, pattern=r"^[^\x00-\x1f\x7f]*$")]


class TicketIn(Strict):
    """A weighbridge's ticket. `point_id` is left out for a load from several points."""

    site: Literal["truck", "facility"]
    ticket: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
    fraction: Fraction
    point_id: RowNumber | None = None
    vehicle: Short = ""
    gross_g: Annotated[int, Field(ge=1, le=HEAVIEST_G)]
    tare_g: Annotated[int, Field(ge=0, le=HEAVIEST_G)] = 0
    weighed_s: Seconds


class TicketOut(BaseModel):
    """`replayed` says that just this ticket was there already."""

    site: str
    ticket: str
    fraction: str
    point_id: int | None
    vehicle: str
    net_g: int
    weighed_s: int
    replayed: bool = False
