"""Settlements as JSON. Amounts in minor units of the credit."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from backend.schemas import Seconds, Strict, Words
from backend.settlements.service import Line, Statement

Payee = Annotated[str, Path(pattern=r"^(cooperative|merchant-[0-9]{1,15}(-[a-z0-9_]{1,16})?)$")]


class DrawIn(Strict):
    """Up to before `until_s`; up to now where it is left out, as always for merchants."""

    until_s: Seconds | None = None


class PaidIn(Strict):
    """`reference` is the bank's or the cash book's."""

    reference: Annotated[Words, Field(min_length=1, max_length=120)]


class StatementOut(BaseModel):
    statement: Statement
    lines: list[Line]
