"""ISO/IEC 14443-3 type A framing: what goes over the air between a reader and a card. Pure.

`exchange(frame, bits)` is given by the driver: it sends a frame, of whose last byte only `bits`
bits if that is not 0, and returns the card's bytes or None. TwoCards comes from the driver too,
which alone can see a collision.
"""

from firmware.errors import ReaderFault

REQA, WUPA = 0x26, 0x52  # sent as 7 bits; WUPA also wakes a card that was halted
ANTICOLLISION = (0x93, 0x95, 0x97)  # one command per cascade level
CASCADE_TAG = 0x88  # stands before three UID bytes when more follow
MORE = 0x04  # this bit of SAK says that the UID is not complete (14443-3, table 9)


def crc_a(data: bytes) -> bytes:
    """Return CRC_A (14443-3, annex B), low byte first."""
    crc = 0x6363
    for byte in data:
        byte ^= crc & 0xFF
        byte ^= (byte << 4) & 0xFF
        crc = (crc >> 8) ^ (byte << 8) ^ (byte << 3) ^ (byte >> 4)
    return bytes([crc & 0xFF, crc >> 8 & 0xFF])


def bcc(four: bytes) -> int:
    """Return the check byte of four UID bytes."""
    return four[0] ^ four[1] ^ four[2] ^ four[3]


def select(exchange) -> "bytes | None":
    """Return the UID (4, 7 or 10 bytes) of the card in the field, or None if there is none.

    Raises ReaderFault for an answer that fails its check.
    """
    answer = exchange(bytes([WUPA]), 7)
    if answer is None:
        return None
    if len(answer) != 2:
        raise ReaderFault("ATQA")
    uid = b""
    for command in ANTICOLLISION:
        part = _part(exchange, command)
        sak = _sak(exchange, command, part)
        if not sak & MORE:
            return uid + part
        if part[0] != CASCADE_TAG:
            raise ReaderFault("cascade tag")
        uid += part[1:]
    raise ReaderFault("UID longer than three levels")


def _part(exchange, command: int) -> bytes:
    answer = exchange(bytes([command, 0x20]), 0)
    if answer is None or len(answer) != 5 or bcc(answer) != answer[4]:
        raise ReaderFault("BCC")
    return answer[:4]


def _sak(exchange, command: int, part: bytes) -> int:
    frame = bytes([command, 0x70]) + part + bytes([bcc(part)])
    answer = exchange(frame + crc_a(frame), 0)
    if answer is None or len(answer) != 3 or crc_a(answer[:1]) != answer[1:]:
        raise ReaderFault("SAK")
    return answer[0]
