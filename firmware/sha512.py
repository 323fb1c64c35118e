"""SHA-512 (FIPS 180-4), which MicroPython's hashlib lacks and Ed25519 needs.

Its constants are computed as the standard defines them, from the roots of the first primes. Some
kilobytes a second on a small processor: for manifests, not for files.
"""

_MASK = (1 << 64) - 1


def _primes(count: int) -> list:
    found, candidate = [], 2
    while len(found) < count:
        if all([candidate % prime for prime in found]):
            found.append(candidate)
        candidate += 1
    return found


def _fraction(prime: int, power: int) -> int:
    """Return the first 64 bits after the point of the power-th root of a prime."""
    aim, root = prime << 64 * power, 0
    for bit in range(69, -1, -1):
        if (root | 1 << bit) ** power <= aim:
            root |= 1 << bit
    return root & _MASK


_START = [_fraction(prime, 2) for prime in _primes(8)]  # 5.3.5
_K = [_fraction(prime, 3) for prime in _primes(80)]  # 4.2.3


def sha512(message: bytes) -> bytes:
    """Return the 64 bytes of the digest."""
    length = 8 * len(message)
    message += b"\x80" + bytes(-(len(message) + 17) % 128) + length.to_bytes(16, "big")
    state = _START
    for at in range(0, len(message), 128):
        state = _block(state, message[at : at + 128])
    return b"".join([word.to_bytes(8, "big") for word in state])


def _block(state: list, block: bytes) -> list:
    w = [int.from_bytes(block[at : at + 8], "big") for at in range(0, 128, 8)]
    for t in range(16, 80):
        x, y = w[t - 15], w[t - 2]
        small0 = _turned(x, 1) ^ _turned(x, 8) ^ x >> 7
        small1 = _turned(y, 19) ^ _turned(y, 61) ^ y >> 6
        w.append((small1 + w[t - 7] + small0 + w[t - 16]) & _MASK)
    a, b, c, d, e, f, g, h = state
    for t in range(80):
        large1 = _turned(e, 14) ^ _turned(e, 18) ^ _turned(e, 41)
        one = h + large1 + (e & f ^ ~e & g) + _K[t] + w[t]
        large0 = _turned(a, 28) ^ _turned(a, 34) ^ _turned(a, 39)
        two = large0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (one + two) & _MASK, a, b, c, (d + one) & _MASK, e, f, g
    return [(old + new) & _MASK for old, new in zip(state, (a, b, c, d, e, f, g, h))]


def _turned(word: int, right: int) -> int:
    return word >> right | word << 64 - right & _MASK
