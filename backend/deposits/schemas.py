"""The uplink and the pages of deposits, as JSON."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from backend.schemas import LARGEST, RowNumber, Seconds, Strict, Words
from firmware import contract

RECORDS_MOST = 500
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
# Longer bytes than the contract allows are taken, so that they are refused by name and kept.
Jws = Annotated[str, Field(max_length=8 * contract.MAX_JWS)]
DeviceId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]


class RecordIn(Strict):
    device: DeviceId
    received_s: Seconds
    jws: Jws


class MessageIn(Strict):
    device: DeviceId
    channel: Literal["birth", "ask", "result"]
    received_s: Seconds
    jws: Jws


class AgainIn(Strict):
    """What a gateway says when it was asked to relay again: of `found` rows `waiting` are left.

    It remembers everything from `since_s` on: before, its disk was another.
    """

    id: RowNumber
    found: RowNumber
    waiting: RowNumber
    since_s: Seconds


class UplinkIn(Strict):
    attestation: Annotated[str, Field(max_length=128)] = ""
    records: list[RecordIn] = Field(default_factory=list, max_length=RECORDS_MOST)
    messages: list[MessageIn] = Field(default_factory=list, max_length=RECORDS_MOST)
    delivered: list[RowNumber] = Field(default_factory=list, max_length=RECORDS_MOST)
    again: AgainIn | None = None


class ResultOut(BaseModel):
    """`epoch`, `seq` and `hash8` are null where the bytes were not even readable."""

    device: str
    epoch: str | None
    seq: int | None
    hash8: str | None
    outcome: Literal["credited", "held", "suspended", "queued", "quarantined", "noted", "refused"]
    reason: str


class DownOut(BaseModel):
    id: int | None
    device: str
    channel: Literal["receipt", "answer", "command", "settings"]
    body: str
    expires_s: int | None


class AgainOut(BaseModel):
    """Relay once more, once per `id`, all that was answered or came in at `since_s` or later."""

    id: int
    since_s: int


class UplinkOut(BaseModel):
    """`again` while the town recovers from a backup."""

    results: list[ResultOut]
    down: list[DownOut]
    again: AgainOut | None = None


class PointIn(Strict):
    device: DeviceId
    received_s: Seconds
    body: dict[str, Any]


class StateIn(Strict):
    device: DeviceId
    received_s: Seconds
    state: Literal["online", "sleeping", "lost"]
    session: Annotated[int, Field(ge=0, lt=2**53)]


class TelemetryIn(Strict):
    points: list[PointIn] = Field(default_factory=list, max_length=2000)
    states: list[StateIn] = Field(default_factory=list, max_length=2000)


class ResolutionIn(Strict):
    """Credit it to a person, or refuse it (`person_id` null)."""

    person_id: Annotated[int, Field(ge=1, le=LARGEST)] | None
    reason: Annotated[Words, Field(min_length=1, max_length=64)]
    amount: Annotated[int, Field(ge=0, lt=2**53)] | None = None


class ResolvedOut(BaseModel):
    outcome: Literal["credited", "queued", "refused"]
    amount: int
