"""Figures as JSON. Weights in grams, credit in minor units."""

from pydantic import BaseModel


class StreamOut(BaseModel):
    fraction: str
    waste_code: str
    point_id: int | None
    point: str | None
    deposits: int
    net_g: int
    held_g: int
    amount: int


class StreamsOut(BaseModel):
    """`change` grows with every booking: while it stays, so does the rest."""

    change: int
    net_g: int
    amount: int
    streams: list[StreamOut]


class AliveOut(BaseModel):
    alive: bool = True


class ReadyOut(BaseModel):
    ready: bool = True


class HealthOut(BaseModel):
    """Counts since the founding; `answered` since this process started."""

    records: dict[str, int]
    resolved: dict[str, int]
    quarantined: int
    refused: dict[str, int]
    refused_kept: int
    answered: dict[str, int]
    telemetry: dict[str, int]
    queue: int
