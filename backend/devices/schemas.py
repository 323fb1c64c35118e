"""Devices as JSON."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from backend.alerts.conditions import Reason
from backend.devices.service import Epoch
from backend.schemas import LARGEST, Seconds, Strict


class DeviceIn(Strict):
    device: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    point_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None


class ProvisionedOut(BaseModel):
    """`key` (hex) goes into the device now and is never shown again."""

    device: str
    number: int
    key: str


class KeyIn(Strict):
    number: Annotated[int, Field(ge=1, lt=2**31)]


class DeviceOut(BaseModel):
    """`state` is the broker's word; `condition` is ok, attention, stale, offline or never_seen.

    `reasons` say why, the worst first. `birth` is what the device last said of itself.
    """

    id: str
    point_id: int | None
    seen_s: int | None
    state: str | None
    birth: dict[str, Any] | None
    birth_s: int | None
    epochs: list[Epoch]
    condition: Literal["ok", "attention", "stale", "offline", "never_seen"]
    heard_s: int | None
    age_s: int | None
    reasons: list[Reason]


class AssignmentIn(Strict):
    point_id: Annotated[int, Field(ge=1, le=LARGEST)]
    from_s: Seconds


class CommandIn(Strict):
    name: Annotated[str, Field(max_length=32)]
    args: dict[str, Any] = Field(default_factory=dict, max_length=8)


class TuneIn(Strict):
    """`values` are laid over those sent before; null goes back to what was provisioned."""

    values: dict[str, Any] = Field(min_length=1, max_length=16)


class OrderOut(BaseModel):
    """`ok` and `words` are the device's answer, null until there is one."""

    id: int
    channel: str
    name: str
    created_s: int
    expires_s: int
    delivered_s: int | None
    ok: bool | None
    words: str | None


class CommandOut(BaseModel):
    id: int


class ReleasedOut(BaseModel):
    """How many held deposits were paid."""

    released: int


class RequeuedOut(BaseModel):
    """Outcomes of bytes that had been refused before."""

    outcomes: dict[str, int]
