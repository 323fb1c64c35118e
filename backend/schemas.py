"""Types that the JSON of several nouns shares."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from firmware import contract

LARGEST = 2**53 - 1  # above this a JSON reader may round

Seconds = Annotated[int, Field(ge=0, le=2**40)]
Amount = Annotated[int, Field(ge=0, le=LARGEST)]
# Control characters are in no name or note that a person writes, and PostgreSQL keeps no NUL.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=_PLAIN)]
Words = Annotated[str, Field(max_length=200, pattern=_PLAIN)]
Fraction = Annotated[str, Field(json_schema_extra={"enum": [*contract.FRACTIONS]}, max_length=20)]
RowNumber = Annotated[int, Field(ge=0, le=LARGEST)]
RowId = Annotated[int, Path(ge=0, le=LARGEST)]
DevicePath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
EpochPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
After = Annotated[int | None, Query(ge=0, le=LARGEST)]
PageSize = Annotated[int, Query(ge=1, le=200)]


class Strict(BaseModel):
    """What is sent to us: nothing more than what is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)
