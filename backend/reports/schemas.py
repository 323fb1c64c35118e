"""Figures as JSON. Weights in grams, credit in minor units."""

from pydantic import BaseModel

from backend.reports.service import Stream


class StreamsOut(BaseModel):
    """`change` grows with every booking: while it stays, so does the rest."""

    change: int
    net_g: int
    amount: int
    streams: list[Stream]
