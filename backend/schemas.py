"""Types that the JSON of several nouns shares."""

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from firmware import contract


def _digits(value: Any) -> Any:
    """What stands in an address is text; of numbers pydantic would take 1.0 and 1_0 too."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("int_type", "not a whole number")
    return value


LARGEST = 2**53 - 1  # above this a JSON reader may round

Seconds = Annotated[int, Field(ge=0, le=2**40)]
Amount = Annotated[int, Field(ge=0, le=LARGEST)]
# Control characters are in no name or note that a person writes, and PostgreSQL keeps no NUL.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=_PLAIN)]
Words = Annotated[str, Field(max_length=200, pattern=_PLAIN)]
Fraction = Annotated[str, Field(json_schema_extra={"enum": [*contract.FRACTIONS]}, max_length=20)]
RowNumber = Annotated[int, Field(ge=0, le=LARGEST)]
Digits = BeforeValidator(_digits)
RowId = Annotated[int, Digits, Path(ge=0, le=LARGEST)]
DevicePath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
EpochPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
After = Annotated[int | None, Digits, Query(ge=0, le=LARGEST)]
PageSize = Annotated[int, Digits, Query(ge=1, le=200)]
Moment = Annotated[int, Digits, Query(ge=0, le=2**40)]


class Strict(BaseModel):
    """What is sent to us: nothing more than what is asked for, and numbers as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
