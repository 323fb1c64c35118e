"""An NTAG 424 DNA set up for secure messages: it counts, encrypts and signs as the real one does.

Everybody may read its NDEF file; at each reading after a selection it fills in PICCData and
SDMMAC (NXP AN12196). Needs MicroPython's cryptolib.
"""

import os
from binascii import hexlify

from cryptolib import aes

from firmware.boards.simcard import SimCard
from firmware.cipher import encrypt as block
from firmware.reader import sdm

ATS = bytes.fromhex("067777710280")
APPLICATION, FILE = bytes.fromhex("d2760000850101"), b"\xe1\x04"
OK, NOT_FOUND, NOT_KNOWN = b"\x90\x00", b"\x6a\x82", b"\x6d\x00"
ADDRESS = "farz.example/c?e={}&c={}"  # what stands before is in NDEF's table: 04 is https://
CBC = 2
_NUMBER_AND_COUNTER = 0xC7  # PICCDataTag: both mirrored, a number of seven bytes


class SimNtag424(SimCard):
    """`counter` is kept by who made it: a card has no power of its own."""

    sak = 0x20
    ats = ATS

    def __init__(self, uid: bytes, meta_key: bytes, file_key: bytes, counter: int = 0) -> None:
        super().__init__(uid)
        self._meta_key = meta_key
        self._file_key = file_key
        self.counter = counter
        self.says = None  # a card that copies another says for ever what it once heard
        self.said = ""
        self.leaves_after = None  # answers until it is torn away
        self._selected = b""
        self._file = b""

    def answer(self, frame: "bytes | None", bits: int) -> "bytes | None":
        if frame is None:
            self._selected = b""
        return super().answer(frame, bits)

    def apdu(self, command: bytes) -> "bytes | None":
        """Answer a command of ISO/IEC 7816-4; None once the card is gone."""
        if self.leaves_after is not None:
            if self.leaves_after == 0:
                return None
            self.leaves_after -= 1
        if command[:2] == b"\x00\xa4":
            return self._select(command[5 : 5 + command[4]])
        if command[:2] == b"\x00\xb0" and self._selected == FILE:
            at = command[2] << 8 | command[3]
            return self._read()[at : at + (command[4] or 256)] + OK
        return NOT_KNOWN

    def _select(self, name: bytes) -> bytes:
        if name != APPLICATION and (name != FILE or not self._selected):
            return NOT_FOUND
        self._selected, self._file = name, b""
        return OK

    def _read(self) -> bytes:
        if not self._file:
            self._file = self._filled().encode()
        length = len(self._file) + 5
        head = bytes([0, length, 0xD1, 0x01, length - 4]) + b"U\x04"
        return head + self._file + bytes(256 - len(head) - len(self._file))

    def _filled(self) -> str:
        if self.says is not None:
            return self.says
        self.counter += 1
        count = self.counter.to_bytes(3, "little")
        plain = bytes([_NUMBER_AND_COUNTER]) + self.uid + count + os.urandom(5)
        number = aes(self._meta_key, CBC, bytes(16)).encrypt(plain)
        mac = sdm.mac(block, self._file_key, self.uid, self.counter)
        self.said = ADDRESS.format(_upper(number), _upper(mac))
        return self.said


def _upper(raw: bytes) -> str:
    return hexlify(raw).decode().upper()
