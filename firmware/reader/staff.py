"""Who may open the technician's mode: the cards that the bin's own settings name.

A service card that proves itself has keys of its own in the settings, apart from every resident's,
and each of its counts is good once. One without keys is only as good as its number, which can be
copied: for bins whose reader hears no proof.
"""

import hashlib
import json

from firmware import contract
from firmware.errors import FlashFault
from firmware.reader import sdm

FILE = "/service-seen"
_NUMBER_AND_COUNTER = 0xC7  # PICCDataTag of NXP AN12196: both, a number of seven bytes


def tag(device: str, uid: bytes) -> str:
    """Return how a bin's settings name a service card: 16 digits, which hide nothing secret."""
    named = b"farz service|" + device.encode() + b"|" + uid
    return hashlib.sha256(named).digest()[:8].hex()


class Staff:
    """`cards` is {tag: None or (PICCData key, MAC key)}; `seen` keeps the last counts; `decrypt`
    and `encrypt` are the board's (cipher.py)."""

    def __init__(self, device: str, cards: dict, seen, decrypt, encrypt) -> None:
        self._device = device
        self._cards = cards
        self._seen = seen
        self._decrypt = decrypt
        self._encrypt = encrypt

    def judge(self, card) -> "bool | None":
        """Tell whether a card may: None if it is no service card, False if it proves too little."""
        name = tag(self._device, card.uid)
        if name not in self._cards:
            return None
        keys = self._cards[name]
        if keys is None:
            return True
        count = None if card.message is None else self._count(card, keys)
        return count is not None and self._is_new(name, count)

    def _is_new(self, name: str, count: int) -> bool:
        """At one bin a card's counts only grow; the newest is kept over a restart."""
        counts = json.loads(self._seen.read() or "{}")
        if count <= counts.get(name, -1):
            return False
        counts[name] = count
        try:
            self._seen.write(json.dumps(counts))
        except (FlashFault, OSError):
            return False
        return True

    def _count(self, card, keys: tuple) -> "int | None":
        """Return the count of a true message of this very card, or None."""
        picc_data, mac = card.message[:16], card.message[16:]
        plain = self._decrypt(keys[0], bytes(16), picc_data)
        if plain[0] != _NUMBER_AND_COUNTER or plain[1:8] != card.uid:
            return None
        count = int.from_bytes(plain[8:11], "little")
        true = sdm.mac(self._encrypt, keys[1], card.uid, count)
        return count if contract.same(true, mac) else None
