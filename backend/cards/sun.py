"""What an NTAG 424 DNA says at each reading, and whether it says so truly: pure rules.

NXP AN12196 (secure dynamic messaging with AES): PICCData is the card's number and its counter
under a key of the town, SDMMAC the proof of a key that this one card has. Keys come from
the town's secret alone, so that nothing but a key's version is kept of a card:

- root (version): HKDF-SHA256 of the town's secret, 16 bytes (`Vault.card_root`);
- town's key of PICCData (version): HKDF likewise, with another label;
- a card's key n: NXP AN10922, AES-128: CMAC(root, 01 ‖ UID ‖ D2760000850101 ‖ "farz" ‖ n).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

APPLICATION = bytes.fromhex("D2760000850101")
UID_BYTES, MESSAGE_BYTES = 7, 24
# The numbers of a card's own keys, as its application counts them: who may set it up, who signs.
MASTER_KEY, MAC_KEY = 0, 2
_SV2 = bytes.fromhex("3CC300010080")
_NUMBER_AND_COUNTER = 0xC7  # PICCDataTag: both are there, the number has seven bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """What one version of the town's keys opens: 16 bytes each."""

    picc: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """A card's number and how often it has spoken."""

    uid: bytes
    counter: int


@dataclass(frozen=True, slots=True)
class Proven:
    """What a card truly said, and under which version of the town's keys."""

    uid: bytes
    counter: int
    version: int


def card_key(root: bytes, uid: bytes, number: int) -> bytes:
    """Return one of a card's own AES keys, 16 bytes.

    AN10922 pads its input to two blocks; one of 20 bytes makes that the common CMAC (RFC 4493).
    """
    return _cmac(root, b"\x01" + uid + APPLICATION + b"farz" + bytes([number]))


def decrypt(picc_key: bytes, picc_data: bytes) -> Said | None:
    """Return what PICCData (16 bytes) holds; None under another key, or of another kind."""
    decryptor = Cipher(algorithms.AES128(picc_key), modes.CBC(bytes(16))).decryptor()
    plain = decryptor.update(picc_data) + decryptor.finalize()
    if plain[0] != _NUMBER_AND_COUNTER:
        return None
    return Said(plain[1:8], int.from_bytes(plain[8:11], "little"))


def mac(mac_key: bytes, said: Said, text: bytes = b"") -> bytes:
    """Return the SDMMAC, 8 bytes: every second byte of a CMAC under the reading's own key."""
    session = session_key(mac_key, said)
    return _cmac(session, text)[1::2]


def session_key(mac_key: bytes, said: Said) -> bytes:
    """Return the MAC key of one reading, 16 bytes."""
    return _cmac(mac_key, _SV2 + said.uid + said.counter.to_bytes(3, "little"))


def verify(versions: Mapping[int, Keys], message: bytes) -> Proven | None:
    """Return what a card said in a message of 24 bytes; None if no card of the town said it."""
    picc_data, tag = message[:16], message[16:]
    for version, keys in versions.items():
        said = decrypt(keys.picc, picc_data)
        if said is None:
            continue
        own = mac(card_key(keys.root, said.uid, MAC_KEY), said)
        if hmac.compare_digest(own, tag):
            return Proven(said.uid, said.counter, version)
    return None


def _cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC (NIST SP 800-38B)."""
    made = CMAC(algorithms.AES128(key))
    made.update(data)
    return made.finalize()
