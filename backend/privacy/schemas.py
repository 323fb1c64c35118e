"""Erasure as JSON."""

from typing import Annotated

from pydantic import Field

from backend.schemas import Strict, Words


class ErasureIn(Strict):
    """`reason` says who asked and how; it must not name the person.

    `settle` takes back what a restored town's books forgot that an erased person had spent.
    """

    reason: Annotated[Words, Field(min_length=1)]
    settle: bool = False
