"""The MAC of a secure card's message (NXP AN12196, secure dynamic messaging with AES). Pure.

`block(key, data)` encrypts whole blocks of 16 bytes with AES-128 in ECB mode.
"""

SV2 = bytes.fromhex("3cc300010080")  # AN12196: session vector for the MAC key
ZEROS = bytes(16)


def cmac(block, key: bytes, data: bytes) -> bytes:
    """Return AES-CMAC (NIST SP 800-38B, RFC 4493), 16 bytes."""
    subkey = _doubled(block(key, ZEROS))
    rest = len(data) % 16
    if rest or not data:
        data, subkey = data + b"\x80" + bytes(15 - rest), _doubled(subkey)
    state = ZEROS
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        if at + 16 == len(data):
            part = _xor(part, subkey)
        state = block(key, _xor(state, part))
    return state


def mac(block, file_key: bytes, uid: bytes, counter: int, said: bytes = b"") -> bytes:
    """Return the SDMMAC (8 bytes) over `said` for a card's 7-byte number and its counter."""
    session = cmac(block, file_key, SV2 + uid + counter.to_bytes(3, "little"))
    return bytes(list(cmac(block, session, said))[1::2])


def _doubled(data: bytes) -> bytes:
    """Multiply by x in GF(2^128), as SP 800-38B makes its subkeys."""
    number = int.from_bytes(data, "big") << 1
    if number >> 128:
        number ^= (1 << 128) | 0x87
    return number.to_bytes(16, "big")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes([a ^ b for a, b in zip(one, other)])
