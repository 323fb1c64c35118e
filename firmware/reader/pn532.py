"""PN532 card reader over SPI (NXP UM0701-02), wired like the MFRC522 and swapped for it.

The chip itself selects cards, checks their BCC and CRC and speaks ISO/IEC 14443-4, so that a
secure card can be read. It sends each byte's lowest bit first; the bytes are turned round here.
The RST line is RSTPD_N: a pad on most boards, for RSTO resets nothing.
"""

from firmware.errors import CardGone, ReaderDead, ReaderFault, TwoCards
from firmware.reader import sun

WRITE, STATUS, READ = 0x01, 0x02, 0x03  # what a transfer begins with (6.2.5)
GET_VERSION, SET_UP_SAM, SET_UP_RF = 0x02, 0x14, 0x32
LIST, EXCHANGE, RELEASE = 0x4A, 0x40, 0x52
IC = 0x32
ACK = b"\x00\x00\xff\x00\xff\x00"
MAX_TARGETS, TYPE_A = 2, 0x00
PART_4 = 0x20  # this bit of SAK says that the card speaks 14443-4 (14443-3, table 9)
ERROR, MORE = 0x3F, 0x40  # of the status byte of an exchange (7.1)
POLLS = 2000  # the chip's own limits end a command before, this only if the chip is dead
LONGEST = 264

# Normal mode without a SAM; ATR and PSL once, a card looked for twice (7.2.10, 7.3.1).
_SET_UP = ((SET_UP_SAM, b"\x01\x14\x01"), (SET_UP_RF, b"\x05\x00\x00\x01"))
_FIELD_OFF = b"\x01\x00"  # LIST switches it on


def _turned(byte: int) -> int:
    """Return a byte with its bits in the other order."""
    byte = (byte & 0x0F) << 4 | byte >> 4
    byte = (byte & 0x33) << 2 | byte >> 2 & 0x33
    return (byte & 0x55) << 1 | byte >> 1 & 0x55


TURNED = bytes([_turned(byte) for byte in range(256)])


class PN532:
    """Reads card numbers and secure messages; `spi`, `cs` and `rst` are the board's."""

    def __init__(self, spi, cs, rst) -> None:
        self._spi = spi
        self._cs = cs
        self._rst = rst
        self._ready = False
        self._secure = False  # the card that uid() saw last speaks 14443-4
        self.resets = 0
        cs(1)

    def uid(self) -> "bytes | None":
        """Return the number of the card in the field, or None if there is none.

        The card stays selected for message() until release(). Raises TwoCards, ReaderDead, and
        ReaderFault for an answer that is not as it must be.
        """
        if not self._ready:
            self.probe()
        self._secure = False
        found = self._command(LIST, bytes([MAX_TARGETS, TYPE_A]))
        if not found:
            raise ReaderFault("no count of cards")
        if found[0] > 1:
            self.release()
            raise TwoCards()
        if not found[0]:
            self._command(SET_UP_RF, _FIELD_OFF)
            return None
        return self._target(found[1:])

    def message(self) -> "bytes | None":
        """Return what the card that uid() saw says once; None if it is a plain card."""
        return sun.read(self._apdu) if self._secure else None

    def release(self) -> None:
        """Let go of the card and switch the field off."""
        self._command(RELEASE, b"\x00")
        self._command(SET_UP_RF, _FIELD_OFF)

    def probe(self) -> bool:
        """Make sure that the chip is there; reset it if not. False if it had to be reset.

        Raises ReaderDead if that does not help.
        """
        if self._ready and self._is_there():
            return True
        first = self.resets == 0
        self._reset()
        return first

    # --- cards

    def _target(self, target: bytes) -> bytes:
        """Read number, ATQA (2), SAK, length, UID and, of a part 4 card, its ATS."""
        if len(target) < 5 or target[4] not in (4, 7, 10):
            raise ReaderFault("card's data")
        uid, ats = target[5 : 5 + target[4]], target[5 + target[4] :]
        if len(uid) != target[4] or (ats and ats[0] != len(ats)):
            raise ReaderFault("card's data")
        self._secure = bool(target[3] & PART_4 and ats)
        return uid

    def _apdu(self, command: bytes) -> bytes:
        answer, status = b"", MORE
        while status & MORE:
            part = self._command(EXCHANGE, b"\x01" + command)
            if not part:
                raise ReaderFault("no status")
            status, command = part[0], b""
            if status & ERROR:
                raise CardGone("status " + hex(status))
            answer += part[1:]
            if len(answer) > LONGEST:
                raise ReaderFault("answer too long")
        if len(answer) < 2:
            raise ReaderFault("answer too short")
        return answer

    # --- the chip

    def _is_there(self) -> bool:
        try:
            version = self._command(GET_VERSION, b"")
        except ReaderFault:
            return False
        return len(version) == 4 and version[0] == IC

    def _reset(self) -> None:
        self.resets += 1
        self._ready = False
        self._rst(0)
        self._rst(1)
        for _ in range(POLLS // 20):  # its oscillator starts within 2 ms
            self._status()
        if not self._is_there():
            raise ReaderDead("no PN532")
        for command, data in _SET_UP:
            self._command(command, data)
        self._ready = True

    def _command(self, command: int, data: bytes) -> bytes:
        """Send a command and return the data of its answer."""
        self._send(bytes([0xD4, command]) + data)
        self._wait()
        if self._receive(6) != ACK:
            self._fail("no acknowledgement")
        self._wait()
        answer = self._frame()
        if answer[:2] != bytes([0xD5, command + 1]):
            self._fail("another answer")
        return answer[2:]

    def _send(self, data: bytes) -> None:
        head = bytes([0x00, 0x00, 0xFF, len(data), -len(data) & 0xFF])
        frame = bytes([WRITE]) + head + data + bytes([-sum(data) & 0xFF, 0x00])
        self._cs(0)
        self._spi.write(bytes([TURNED[byte] for byte in frame]))
        self._cs(1)

    def _frame(self) -> bytes:
        """Return the data of one frame, in one transfer: its length stands in the frame."""
        self._cs(0)
        try:
            self._spi.write(bytes([TURNED[READ]]))
            head = self._bytes(5)
            length, check = head[3], head[4]
            if head[3:5] == b"\xff\xff":  # an extended frame (6.2.1.2)
                more = self._bytes(3)
                length, check = more[0] << 8 | more[1], more[2] + more[0]
            if head[:3] != ACK[:3] or (length + check) & 0xFF or not 0 < length <= LONGEST:
                self._fail("frame's head")
            data = self._bytes(length + 2)
        finally:
            self._cs(1)
        if sum(data[:-1]) & 0xFF:
            self._fail("frame's sum")
        return data[:-2]

    def _wait(self) -> None:
        for _ in range(POLLS):
            if self._status() & 1:
                return
        self._fail("no answer from the chip")

    def _status(self) -> int:
        return self._receive(1, STATUS)[0]

    def _receive(self, length: int, what: int = READ) -> bytes:
        self._cs(0)
        self._spi.write(bytes([TURNED[what]]))
        data = self._bytes(length)
        self._cs(1)
        return data

    def _bytes(self, length: int) -> bytes:
        raw = bytearray(length)
        self._spi.write_readinto(bytes(length), raw)
        return bytes([TURNED[byte] for byte in raw])

    def _fail(self, what: str) -> None:
        """What the chip itself gets wrong is mended by a reset at the next look."""
        self._ready = False
        raise ReaderFault(what)
