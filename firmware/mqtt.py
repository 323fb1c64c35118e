"""MQTT 5 packets, both ways, as far as a bin needs them (OASIS MQTT 5.0, section 3). Pure.

Only what has a meaning here is read out of properties: none of it. Only QoS 0 and 1 exist.
"""

import struct
from collections import namedtuple

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
NO_SUBSCRIBERS, NOT_AUTHORIZED, FAILURE = 0x10, 0x87, 0x80
LARGEST = 2048  # bytes of a packet we are ready to read; also told to the broker

Message = namedtuple("Message", "topic payload qos packet_id")


def connect(client_id: str, keep_alive_s: int, user, password, will: tuple) -> bytes:
    """Return CONNECT with a clean start; will = (topic, payload), QoS 1, retained."""
    flags = 0x02 | 0x04 | 0x08 | 0x20
    flags |= (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    limits = b"\x27" + struct.pack(">I", LARGEST)  # Maximum Packet Size
    body = _text("MQTT") + bytes([5, flags]) + struct.pack(">H", keep_alive_s)
    body += _length(len(limits)) + limits + _text(client_id)
    body += b"\0" + _text(will[0]) + struct.pack(">H", len(will[1])) + will[1]
    for credential in (user, password):
        if credential is not None:
            body += _text(credential)
    return _packet(CONNECT, 0, body)


def publish(message: Message, retain: bool = False, again: bool = False) -> bytes:
    body = _text(message.topic)
    if message.qos:
        body += struct.pack(">H", message.packet_id)
    flags = (8 if again else 0) | message.qos << 1 | (1 if retain else 0)
    return _packet(PUBLISH, flags, body + b"\0" + message.payload)


def subscribe(packet_id: int, topics: list) -> bytes:
    """Return SUBSCRIBE for topics at QoS 1."""
    filters = b"".join([_text(topic) + b"\x01" for topic in topics])
    return _packet(SUBSCRIBE, 2, struct.pack(">H", packet_id) + b"\0" + filters)


def puback(packet_id: int) -> bytes:
    return _packet(PUBACK, 0, struct.pack(">H", packet_id))


def pingreq() -> bytes:
    return _packet(PINGREQ, 0, b"")


def disconnect() -> bytes:
    return _packet(DISCONNECT, 0, b"")


def read_publish(flags: int, body: bytes) -> Message:
    """Return the message of a PUBLISH; ValueError if it is cut short."""
    end = 2 + struct.unpack(">H", body[:2])[0]
    topic, packet_id, qos = body[2:end].decode(), 0, flags >> 1 & 3
    if qos:
        packet_id = struct.unpack(">H", body[end : end + 2])[0]
        end += 2
    length, end = read_length(body, end)
    return Message(topic, body[end + length :], qos, packet_id)


def read_ack(body: bytes) -> tuple:
    """Return (packet id, reason) of a PUBACK, which leaves out a reason of 0."""
    return struct.unpack(">H", body[:2])[0], body[2] if len(body) > 2 else 0


def read_suback(body: bytes) -> tuple:
    """Return (packet id, highest reason) of a SUBACK: one topic refused is too many."""
    length, end = read_length(body, 2)
    return struct.unpack(">H", body[:2])[0], max(body[end + length :])


def read_length(raw: bytes, at: int) -> tuple:
    """Return (variable byte integer, offset after it); ValueError if it is malformed."""
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= len(raw):
            break
        value |= (raw[at] & 0x7F) << shift
        at += 1
        if not raw[at - 1] & 0x80:
            return value, at
    raise ValueError("length")


def _length(value: int) -> bytes:
    raw = b""
    while True:
        more = value > 0x7F
        raw += bytes([value & 0x7F | (0x80 if more else 0)])
        value >>= 7
        if not more:
            return raw


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    return bytes([kind << 4 | flags]) + _length(len(body)) + body
