"""The town and its points as JSON."""

from pydantic import BaseModel

from backend.schemas import Name, Strict


class PointIn(Strict):
    name: Name


class TownOut(BaseModel):
    """`scale` is how many decimals a person sees of the credit's minor units."""

    name: str
    currency: str
    backed_by: str
    scale: int
    languages: list[str]
    timezone: str
