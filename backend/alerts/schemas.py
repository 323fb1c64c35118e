"""Alerts as JSON."""

from typing import Annotated

from pydantic import Field

from backend.alerts.said import RULE_CHARS
from backend.schemas import Strict


class EndIn(Strict):
    """The device and rule of an alert that is open."""

    device: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    rule: Annotated[str, Field(min_length=1, max_length=RULE_CHARS, pattern=r"^[^\x00]*$")]
