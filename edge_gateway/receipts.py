"""What goes down to the bins, as messages to publish: pure but for the list it gathers.

*Recorded* receipts are gathered per device over a few commits, since one message can name many
records. What the backend sends down is published as it came; the gateway can neither read nor
make it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from edge_gateway.inbox import Name
from firmware import contract

ROWS_PER_RECEIPT = 20  # about 900 bytes, within a bin's MQTT buffer


class Publish(NamedTuple):
    topic: str
    body: bytes
    qos: int
    retain: bool
    expires_s: int | None = None
    down_id: int | None = None


class Down(BaseModel):
    """One message from the backend to a device; `id` is confirmed once the broker has taken it."""

    model_config = ConfigDict(frozen=True)

    id: int | None
    device: str
    channel: str
    body: str
    expires_s: int | None = None


class Receipts:
    """Names of records that are on disk, waiting to be told to their devices."""

    def __init__(self) -> None:
        self._names: dict[str, list[Name]] = {}
        self.waiting = 0

    def add(self, device: str, name: Name) -> None:
        self._names.setdefault(device, []).append(name)
        self.waiting += 1

    def take(self) -> list[Publish]:
        """Return every waiting receipt and start anew."""
        names, self._names, self.waiting = self._names, {}, 0
        return [
            to_device(device, "receipt", got(rows[at : at + ROWS_PER_RECEIPT]))
            for device, rows in names.items()
            for at in range(0, len(rows), ROWS_PER_RECEIPT)
        ]


def got(names: Sequence[Name]) -> bytes:
    """contract.got, eight times as fast: names hold checked hex and integers, nothing to escape."""
    return json.dumps({"got": names}, separators=(",", ":")).encode()


def to_device(device: str, channel: str, body: bytes) -> Publish:
    _, qos, retained = contract.CHANNELS[channel]
    return Publish(contract.topic(device, channel), body, qos, retained)


def from_backend(downs: Iterable[Down], now_s: int) -> tuple[list[Publish], list[int]]:
    """Return what to publish, and the ids of what is too late or addressed to nobody.

    The latter are confirmed without being sent, so that the backend stops repeating them.
    """
    publishes, dropped = [], []
    for down in downs:
        direction = contract.CHANNELS.get(down.channel, ("none",))[0]
        late = down.expires_s is not None and down.expires_s <= now_s
        if direction == "down" and contract.is_device(down.device) and not late:
            publish = to_device(down.device, down.channel, down.body.encode())
            publishes.append(publish._replace(expires_s=down.expires_s, down_id=down.id))
        elif down.id is not None:
            dropped.append(down.id)
    return publishes, dropped
