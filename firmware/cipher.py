"""AES-128 of the board: for the sealed part of what the backend answers, and for service cards."""

import cryptolib

_ECB, _CBC = 1, 2


def decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    return cryptolib.aes(key, _CBC, iv).decrypt(data)


def encrypt(key: bytes, blocks: bytes) -> bytes:
    """Encrypt whole blocks, each for itself (ECB): what a CMAC is made of."""
    return cryptolib.aes(key, _ECB).encrypt(blocks)
