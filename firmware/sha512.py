"""SHA-512 (FIPS 180-4), which MicroPython's hashlib lacks and Ed25519 needs.

Its constants are computed as the standard defines them, from the roots of the first primes, and
kept as bytes: numbers of 64 bits are objects, and 80 of them would be 5 KB of a small heap. Some
kilobytes a second on a small processor: for manifests, not for files.
"""

_MASK = (1 << 64) - 1


def _primes(count: int):
    """Yield the first primes, 80 at most: the 80th is 409, and 21 squared is more."""
    candidate = 1
    while count:
        candidate += 1
        if all([candidate % divisor or candidate == divisor for divisor in range(2, 21)]):
            count -= 1
            yield candidate


def _fraction(prime: int, power: int) -> int:
    """Return the first 64 bits after the point of the power-th root of a prime."""
    aim, root = prime << 64 * power, 0
    for bit in range(69, -1, -1):
        if (root | 1 << bit) ** power <= aim:
            root |= 1 << bit
    return root & _MASK


_START = [_fraction(prime, 2) for prime in _primes(8)]  # 5.3.5
_K = bytearray(640)  # 4.2.3
for _number, _prime in enumerate(_primes(80)):
    _K[8 * _number : 8 * _number + 8] = _fraction(_prime, 3).to_bytes(8, "big")


def sha512(message: bytes) -> bytes:
    """Return the 64 bytes of the digest."""
    length = 8 * len(message)
    message += b"\x80" + bytes(-(len(message) + 17) % 128) + length.to_bytes(16, "big")
    state = _START
    for at in range(0, len(message), 128):
        state = _block(state, message[at : at + 128])
    return b"".join([word.to_bytes(8, "big") for word in state])


def _block(state: list, block: bytes) -> list:
    w = [_word(block, t) for t in range(16)]  # the last 16 of the schedule, word t at t mod 16
    a, b, c, d, e, f, g, h = state
    for t in range(80):
        if t >= 16:
            w[t & 15] = _scheduled(w, t)
        large1 = _turned(e, 14) ^ _turned(e, 18) ^ _turned(e, 41)
        one = h + large1 + (e & f ^ ~e & g) + _word(_K, t) + w[t & 15]
        large0 = _turned(a, 28) ^ _turned(a, 34) ^ _turned(a, 39)
        two = large0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (one + two) & _MASK, a, b, c, (d + one) & _MASK, e, f, g
    return [(old + new) & _MASK for old, new in zip(state, (a, b, c, d, e, f, g, h))]


def _word(raw, number: int) -> int:
    return int.from_bytes(raw[8 * number : 8 * number + 8], "big")


def _scheduled(w: list, t: int) -> int:
    """Return word t of the schedule (6.4.2, step 1)."""
    x, y = w[t - 15 & 15], w[t - 2 & 15]
    small0 = _turned(x, 1) ^ _turned(x, 8) ^ x >> 7
    small1 = _turned(y, 19) ^ _turned(y, 61) ^ y >> 6
    return (small1 + w[t - 7 & 15] + small0 + w[t & 15]) & _MASK


def _turned(word: int, right: int) -> int:
    return word >> right | word << 64 - right & _MASK
