"""The one holder of the town's secret: seals device keys, names cards by keyed hash.

Every purpose has its own key, drawn from the secret with HKDF-SHA256 (RFC 5869), so that none
tells anything about another. A sealed key is bound to the device and number it belongs to.
"""

import hmac
import secrets
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12  # what AES-GCM is defined with (NIST SP 800-38D)


class Vault:
    def __init__(self, town_secret: bytes) -> None:
        self._cipher = AESGCM(_purpose(town_secret, b"device keys"))
        self._people = AESGCM(_purpose(town_secret, b"person keys"))
        self._logs = _purpose(town_secret, b"log keys")
        self._cards = _purpose(town_secret, b"cards")
        self._secure_cards = _purpose(town_secret, b"secure cards")
        self._names = _purpose(town_secret, b"sign-in names")
        self._mark = _purpose(town_secret, b"fingerprint")[:8]

    def seal(self, key: bytes, bound_to: str) -> bytes:
        return encrypt(self._cipher, key, bound_to)

    def unseal(self, sealed: bytes, bound_to: str) -> bytes:
        """Return the key; cryptography's InvalidTag if the secret or the binding is another."""
        return decrypt(self._cipher, sealed, bound_to)

    def wrap(self, person_key: bytes, bound_to: str) -> bytes:
        """Seal the key under which one person's signed bytes are kept."""
        return encrypt(self._people, person_key, bound_to)

    def unwrap(self, wrapped: bytes, bound_to: str) -> bytes:
        """Return a person's key; InvalidTag if the secret or the binding is another."""
        return decrypt(self._people, wrapped, bound_to)

    def log_key(self, ledger_id: int, number: int) -> Ed25519PrivateKey:
        """Return the town's signing key of its log by number: a higher one replaces it."""
        seed = HKDF(SHA256(), 32, salt=None, info=f"{ledger_id}/{number}".encode())
        return Ed25519PrivateKey.from_private_bytes(seed.derive(self._logs))

    def card_hash(self, uid: bytes) -> bytes:
        """Return the 32 bytes by which a card's UID is known; the UID itself is kept nowhere."""
        return hmac.digest(self._cards, uid, sha256)

    def fingerprint(self) -> str:
        """Return what tells this town's secret from another's, and nothing else of it."""
        return self._mark.hex()

    def secure_card_keys(self, version: int) -> tuple[bytes, bytes]:
        """Return the town's key of PICCData and the root of its cards' own keys, 16 bytes each."""
        picc, root = (
            HKDF(SHA256(), 16, salt=None, info=f"{version}/{label}".encode())
            for label in ("picc", "root")
        )
        return picc.derive(self._secure_cards), root.derive(self._secure_cards)

    def name_hash(self, name: str) -> str:
        """Return the name under which wrong tries at a sign-in are counted."""
        return hmac.digest(self._names, name.encode(), sha256).hex()


def encrypt(cipher: AESGCM, plain: bytes, bound_to: str) -> bytes:
    """Return nonce ‖ AES-GCM's ciphertext, bound to a name."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound_to.encode())


def decrypt(cipher: AESGCM, sealed: bytes, bound_to: str) -> bytes:
    """Undo `encrypt`. Raises cryptography's InvalidTag."""
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())


def _purpose(secret: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"farz/1/town/" + label).derive(secret)
