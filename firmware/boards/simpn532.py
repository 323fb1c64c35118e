"""The PN532 behind its SPI bus, frame by frame (NXP UM0701-02), with cards in its field.

It finds up to two cards by itself and speaks ISO/IEC 14443-4 with a card that has `apdu(command)`.
"""

from firmware.reader.pn532 import ACK, TURNED

BYTE_US, ACK_US, FIND_US, EXCHANGE_US, WAKE_US = 8, 200, 6000, 9000, 2000
VERSION = b"\x32\x01\x06\x07"
TIMEOUT, NO_TARGET = 0x01, 0x27  # status of an exchange (UM0701-02, 7.1)


class SimPN532:
    """`select` is its NSS line, `power` its RSTPD_N."""

    def __init__(self, clock, field) -> None:
        self._clock = clock
        self._field = field
        self.version = VERSION
        self.hung = False
        self.spoil = None  # spoil(frame) returns what the bus makes of a frame
        self.power(1)

    def power(self, level: int) -> None:
        """A rise starts the chip anew; it is deaf until its oscillator runs."""
        self._awake_us = self._clock.now_us + WAKE_US
        self._answers = []  # (ready at, frame)
        self._targets = []
        self._heard = b""
        if not level:
            self._field(None, 0)

    def select(self, level: int) -> None:
        if level:
            if self._heard[:1] == b"\x01":
                self._command(self._heard[1:])
            elif self._heard[:1] == b"\x03" and self._answers:
                self._answers.pop(0)
        self._heard, self._at = b"", 0

    def write(self, data: bytes) -> None:
        self._clock.spend(BYTE_US * len(data))
        self._heard += bytes([TURNED[byte] for byte in data])

    def write_readinto(self, data: bytes, answer: bytearray) -> None:
        self._clock.spend(BYTE_US * len(data))
        ready = self._answers and self._answers[0][0] <= self._clock.now_us
        if self._heard[:1] == b"\x02":
            if not ready:
                self._clock.spend(500)  # stands for the many polls that a real wait takes
            answer[0] = TURNED[1 if ready else 0]
            return
        frame = self._answers[0][1] if ready else b""
        for i in range(len(data)):
            answer[i] = TURNED[frame[self._at] if self._at < len(frame) else 0]
            self._at += 1

    # --- frames

    def _command(self, frame: bytes) -> None:
        self._answers = []
        now_us = self._clock.now_us
        if self.hung or now_us < self._awake_us or frame[:3] != b"\x00\x00\xff":
            return
        length = frame[3]
        data = frame[5 : 5 + length + 1]
        if (length + frame[4]) & 0xFF or len(data) != length + 1 or sum(data) & 0xFF:
            return  # what is not whole is not acknowledged
        answer, takes_us = self._answer(data[1], data[2:-1])
        self._queue(ACK, now_us + ACK_US)
        whole = b"\x7f" if answer is None else bytes([0xD5, data[1] + 1]) + answer
        self._queue(framed(whole), now_us + ACK_US + takes_us)

    def _queue(self, frame: bytes, at_us: int) -> None:
        self._answers.append((at_us, self.spoil(frame) if self.spoil else frame))

    def _answer(self, command: int, data: bytes):
        """Return (data of the answer or None for a syntax error, microseconds)."""
        if command == 0x02:
            return self.version, ACK_US
        if command == 0x14:
            return b"", ACK_US
        if command == 0x32:
            if data == b"\x01\x00":
                self._field(None, 0)
            return b"", ACK_US
        if command == 0x52:
            self._targets = []
            return b"\x00", ACK_US
        if command == 0x4A and data[1:] == b"\x00":
            return self._list(data[0]), FIND_US
        if command == 0x40:
            return self._exchange(data), EXCHANGE_US
        return None, ACK_US

    def _list(self, most: int) -> bytes:
        self._targets = self._field.cards[:most]
        found = bytes([len(self._targets)])
        for i in range(len(self._targets)):
            card = self._targets[i]
            found += bytes([i + 1, 0x00, 0x44, card.sak, len(card.uid)]) + card.uid + card.ats
        return found

    def _exchange(self, data: bytes) -> bytes:
        if not 1 <= data[0] <= len(self._targets):
            return bytes([NO_TARGET])
        card = self._targets[data[0] - 1]
        if card not in self._field.cards:
            return bytes([TIMEOUT])
        answer = card.apdu(data[1:]) if card.sak else None
        return bytes([TIMEOUT]) if answer is None else b"\x00" + answer


def framed(data: bytes) -> bytes:
    """Return a normal information frame, or an extended one if it must be (6.2.1)."""
    length = len(data)
    tail = data + bytes([-sum(data) & 0xFF, 0x00])
    if length < 256:
        return b"\x00\x00\xff" + bytes([length, -length & 0xFF]) + tail
    high, low = length >> 8, length & 0xFF
    return b"\x00\x00\xff\xff\xff" + bytes([high, low, -(high + low) & 0xFF]) + tail
