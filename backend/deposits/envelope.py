"""From bytes on the wire to a message that is truly a device's, or the reason why it is not.

A record's name (epoch, seq, hash8) can be read before its signature is checked, since gateways
attest names; nothing else of it is believed until then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from backend.deposits.facts import DeviceFacts
from backend.devices.keys import DeviceKey
from firmware import contract


class Unsigned(Exception):
    """Not truly a device's message. `reason` is a word of the contract, unknown_key
    or ended_key."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Name:
    """What a record calls itself; every part is None if it could not be read."""

    epoch: str | None = None
    seq: int | None = None
    hash8: str | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A message whose signature was checked, and whose fields are the contract's."""

    device: DeviceFacts
    key: DeviceKey
    jws: str
    hash: bytes
    body: dict[str, Any]
    received_s: int


def name_of(jws: str) -> Name:
    """Return a record's name, believed by nobody yet."""
    try:
        parts = contract.split(jws, "record")
        body = contract.parse_json(parts.payload)
        epoch, seq = body["epoch"], body["seq"]
    except (contract.ContractError, TypeError, KeyError):
        return Name()
    if type(epoch) is not str or type(seq) is not int:
        return Name()
    return Name(epoch, seq, contract.hash8(parts.hash))


def open_signed(
    find: Callable[[str], DeviceFacts | None],
    device: str,
    channel: str,
    jws: str,
    received_s: int,
) -> Signed:
    """Check an envelope from a device's topic whole. Raises Unsigned."""
    try:
        parts = contract.split(jws, channel)
        if parts.device != device:
            raise Unsigned("topic_mismatch")
        known = find(device)
        if known is None:
            raise Unsigned("unknown_device")
        key = known.keys.get(parts.number)
        if key is None:
            raise Unsigned("unknown_key")
        contract.verify(parts, key.up)
        body = contract.known(channel, contract.read(parts))
        if not known.believes(parts.number, body):
            raise Unsigned("ended_key")
    except contract.ContractError as error:
        raise Unsigned(error.reason) from error
    return Signed(known, key, jws, parts.hash, body, received_s)


def bytes_hash(jws: str) -> bytes:
    """Return the SHA-256 under which bytes that nobody signed are kept."""
    return sha256(jws.encode()).digest()
