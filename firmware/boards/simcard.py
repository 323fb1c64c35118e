"""Cards as ISO/IEC 14443-3 type A describes them, and the field of a reader that holds some."""

from firmware.reader.iso14443 import ANTICOLLISION, CASCADE_TAG, MORE, REQA, WUPA, bcc, crc_a

COLLIDED = b"\xff\xff collided"  # answers of two cards that differ


class SimCard:
    """One card with a UID of 4, 7 or 10 bytes."""

    sak = 0x00  # of the last level; a card that speaks ISO/IEC 14443-4 has 0x20 and an ATS
    ats = b""

    def __init__(self, uid: bytes) -> None:
        self.uid = uid
        self._parts = []
        while len(uid) > 4:
            self._parts.append(bytes([CASCADE_TAG]) + uid[:3])
            uid = uid[3:]
        self._parts.append(uid)
        self._awake = False

    def answer(self, frame: "bytes | None", bits: int) -> "bytes | None":
        """Return what the card answers to a frame; None for a frame says that the field is off."""
        if frame is None:
            self._awake = False
        elif bits == 7 and frame[0] in (REQA, WUPA):
            self._awake = True
            return b"\x44\x00"
        elif self._awake and len(frame) >= 2 and frame[0] in ANTICOLLISION:
            return self._anticollision(frame, ANTICOLLISION.index(frame[0]))
        return None

    def _anticollision(self, frame: bytes, level: int) -> "bytes | None":
        if level >= len(self._parts):
            return None
        part = self._parts[level]
        checked = part + bytes([bcc(part)])
        if frame[1] == 0x20:
            return checked
        if frame[1:7] != b"\x70" + checked or crc_a(frame[:-2]) != frame[-2:]:
            return None
        sak = bytes([MORE if level + 1 < len(self._parts) else self.sak])
        return sak + crc_a(sak)


class Field:
    """What a reader hears: all cards answer at once."""

    def __init__(self) -> None:
        self.cards = []

    def __call__(self, frame: "bytes | None", bits: int) -> "bytes | None":
        answers = [card.answer(frame, bits) for card in self.cards]
        heard = [answer for answer in answers if answer is not None]
        if not heard:
            return None
        return heard[0] if all([answer == heard[0] for answer in heard]) else COLLIDED
