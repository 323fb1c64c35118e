"""AES-128-CBC of the board, for the sealed part of what the backend answers."""

import cryptolib

_CBC = 2


def decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    return cryptolib.aes(key, _CBC, iv).decrypt(data)
