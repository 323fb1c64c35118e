"""Inspections as JSON."""

from typing import Annotated

from pydantic import Field

from backend.deposits.schemas import DeviceId
from backend.schemas import Fraction, RowNumber, Seconds, Strict, Words


class InspectionIn(Strict):
    """Of a `device`, of a `point_id`, or of the whole town; of a `fraction`, or of all.

    It holds from `from_s` on, from now on where that is left out.
    """

    grade: Annotated[Words, Field(min_length=1, max_length=12)]
    device: DeviceId | None = None
    point_id: RowNumber | None = None
    fraction: Fraction | None = None
    from_s: Seconds | None = None
    note: Words = ""
