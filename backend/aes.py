"""AES-128-CBC, with which whatever one device alone may read is sealed (firmware/contract.py)."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def encrypt_cbc(key: bytes, iv: bytes, padded: bytes) -> bytes:
    """Encrypt whole blocks of 16 bytes; only ever used inside a signature."""
    encryptor = Cipher(algorithms.AES128(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()
