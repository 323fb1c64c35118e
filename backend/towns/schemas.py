"""The town and its points as JSON."""

from typing import Annotated

from pydantic import BaseModel, Field

from backend.schemas import Strict


class PointIn(Strict):
    name: Annotated[str, Field(min_length=1, max_length=120)]


class PointOut(BaseModel):
    id: int
    name: str


class TownOut(BaseModel):
    """`scale` is how many decimals a person sees of the credit's minor units."""

    name: str
    currency: str
    scale: int
    languages: list[str]
    timezone: str
