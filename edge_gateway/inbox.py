"""What a message from a bin is, by its topic and bytes alone: pure, no clock, no disk, no key.

Everything the contract asks is checked here but the signature, which only the backend can judge.
A refusal keeps the record's name where one can be read, so that the bin can be answered.
"""

import base64
import binascii
import functools
import hashlib
import json
import re
from typing import Any, NamedTuple, NoReturn

from firmware import contract

UNSIGNED = ("state", "telemetry")
HEADERS_MAX = 4096
_HEADERS: dict[tuple[str, bytes], str] = {}  # (channel, encoded header) -> its device
_ENVELOPE = re.compile(rb"([\w-]+)\.([\w-]+)\.[\w-]{42}[AEIMQUYcgkosw048]")
_LAST = (bytes(range(256)), b"", b"AQgw", b"AEIMQUYcgkosw048")  # by the part's length modulo 4
_STANDARD = bytes.maketrans(b"-_", b"+/")
_PLAIN = bytes(code for code in range(0x21, 0x7F) if code != 0x5C)  # no blank, no backslash
_DIGITS = bytes(0x30 if 0x30 <= code <= 0x39 else 0x20 for code in range(256))
_LONG_NUMBER = b"0" * 16


class Name(NamedTuple):
    """How a bin's journal names a record: what a receipt gives back."""

    epoch: str
    seq: int
    hash8: str


class Record(NamedTuple):
    device: str
    epoch: str
    seq: int
    hash: bytes
    jws: bytes

    @property
    def name(self) -> Name:
        return Name(self.epoch, self.seq, contract.hash8(self.hash))


class Message(NamedTuple):
    """A signed message that is no record: birth, ask or result. `ttl_s` None: keeps for ever."""

    device: str
    channel: str
    hash: bytes
    jws: bytes
    ttl_s: int | None


class Report(NamedTuple):
    """Unsigned state or telemetry; may be lost, and never touches money."""

    device: str
    channel: str
    body: dict[str, Any]


class Rejected(NamedTuple):
    """Refused by the contract: `reason` is its word, `name` the record's where it can be read."""

    device: str
    topic: str
    reason: str
    words: str
    raw: bytes
    name: Name | None


Reading = Record | Message | Report | Rejected


def read(topic: str, raw: bytes) -> Reading:
    """Judge one message. Raises nothing: whatever is wrong with it is a Rejected."""
    try:
        device, channel = _parse_topic(topic)
        if channel in UNSIGNED:
            return _report(device, channel, raw)
        return _signed(device, channel, raw)
    except contract.ContractError as error:
        return _rejected(topic, raw, error.reason, str(error))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # A gap in the checks must not stop the messages behind this one.
        return _rejected(topic, raw, "bad_schema", f"The message could not be read ({error!r}).")


@functools.lru_cache(maxsize=4096)
def _parse_topic(topic: str) -> tuple[str, str]:
    device, channel = contract.parse_topic(topic)
    if contract.CHANNELS[channel][0] != "up":
        raise contract.ContractError("topic_mismatch", topic[:80])
    return device, channel


def _report(device: str, channel: str, raw: bytes) -> Report:
    if len(raw) > contract.MAX_JWS:
        raise contract.ContractError("too_large")
    body = parse(raw)
    contract.check(channel, body)
    return Report(device, channel, body)


def _signed(device: str, channel: str, raw: bytes) -> Record | Message:
    signer, payload, full_hash = split(raw, channel)
    if signer != device:
        raise contract.ContractError("topic_mismatch", signer)
    body = parse(payload)
    contract.check(channel, body)
    if channel == "record":
        return Record(device, body["epoch"], body["seq"], full_hash, raw)
    return Message(device, channel, full_hash, raw, body.get("ttl_s"))


def split(raw: bytes, channel: str) -> tuple[str, bytes, bytes]:
    """Return (device, payload, hash): contract.split, half the work once a header has been seen.

    A header that the contract accepted before is accepted as it stands. A part is spelt in the
    only way if the bits that its last character has too many are zero.
    """
    spelt = _ENVELOPE.fullmatch(raw)
    if spelt and len(raw) <= contract.MAX_JWS:
        device, part = _HEADERS.get((channel, spelt[1])), spelt[2]
        if device and part[-1] in _LAST[len(part) % 4]:
            payload = binascii.a2b_base64(part.translate(_STANDARD) + b"==")
            return device, payload, hashlib.sha256(raw[: spelt.end(2)]).digest()
    parts = contract.split(raw, channel)
    if len(_HEADERS) >= HEADERS_MAX:
        _HEADERS.clear()
    _HEADERS[channel, raw.partition(b".")[0]] = parts.device
    return parts.device, parts.payload, parts.hash


def parse(raw: bytes) -> Any:
    """contract.parse_json, four times as fast on what bins really send.

    What is left of JSON without blanks, backslashes, fractions, `-0` and sixteen digits in a row is
    canonical if its keys ascend. All else, and every refusal, is left to the contract (property
    tests hold the two together).
    """
    plain = not raw.translate(None, _PLAIN) and b"-0" not in raw
    if plain and _LONG_NUMBER not in raw.translate(_DIGITS):
        try:
            return _DECODER.decode(raw.decode("ascii"))
        except (ValueError, RecursionError):
            return contract.parse_json(raw)
    return contract.parse_json(raw)


def _ascending(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs) or list(made) != sorted(made):
        raise ValueError("keys")
    return made


def _no_float(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_ascending, parse_float=_no_float, parse_constant=_no_float
)


def _rejected(topic: str, raw: bytes, reason: str, words: str) -> Rejected:
    device = topic.split("/")[2][:32] if topic.count("/") >= 2 else ""
    name = name_in(raw) if topic.endswith("/record") else None
    return Rejected(device, topic, reason, words, raw, name)


def name_in(raw: bytes) -> Name | None:
    """A record's name, read leniently out of refused bytes; None if there is none.

    A wrong guess does no harm: a bin obeys a receipt only for a name and hash of its own journal.
    """
    signed = raw.rpartition(b".")[0]
    try:
        payload = signed.split(b".")[1]
        body = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        name = Name(body["epoch"], body["seq"], hashlib.sha256(signed).hexdigest()[:16])
        contract.read_got(contract.got([name]))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None
    return name
