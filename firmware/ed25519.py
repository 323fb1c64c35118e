"""Does an Ed25519 signature hold? (RFC 8032, section 5.1.7.) Only verification, so no secrets here.

Nothing here runs in constant time, and nothing needs to: key, message and signature are public.
Of the ways in which implementations differ this takes the strict one: S below the group's order,
points in their only encoding, and the equation without the cofactor.
"""

P = (1 << 255) - 19
ORDER = (1 << 252) + 27742317777372353535851937790883648493
_LOW = (1 << 255) - 1
D = -121665 * pow(121666, P - 2, P) % P
_ROOT = pow(2, (P - 1) // 4, P)  # of -1
_NEUTRAL = (0, 1, 1, 0)  # points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature of 64 bytes over a message was made with the key of 32 bytes."""
    from firmware.sha512 import sha512

    return holds(public_key, signature, sha512(signature[:32] + public_key + message))


def holds(public_key: bytes, signature: bytes, digest: bytes) -> bool:
    """Tell the same from the SHA-512 of the signature's first half, the key and the message:
    for who has no room for both computations at once."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    signer = _point(public_key)
    s = int.from_bytes(signature[32:], "little")
    if signer is None or s >= ORDER:
        return False
    k = int.from_bytes(digest, "little") % ORDER
    x, y, z, t = signer
    return _encoded(_sum_of_multiples(s, _BASE, k, (P - x, y, z, P - t))) == signature[:32]


def _point(encoded: bytes):
    """Return the point that 32 bytes stand for, or None (5.1.3)."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & _LOW
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _encoded(point: tuple) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _sum_of_multiples(a: int, left: tuple, b: int, right: tuple) -> tuple:
    """Return a * left + b * right, doubling once for both (Straus, with one bit at a time)."""
    table = (None, left, right, _add(left, right))
    total = _NEUTRAL
    for bit in range(253, -1, -1):
        total = _double(total)
        chosen = table[(a >> bit & 1) + 2 * (b >> bit & 1)]
        if chosen is not None:
            total = _add(total, chosen)
    return total


def _add(one: tuple, two: tuple) -> tuple:
    """Add two points, equal or not (5.1.4)."""
    a = _low((one[1] - one[0] + P) * (two[1] - two[0] + P))
    b = _low((one[1] + one[0]) * (two[1] + two[0]))
    c = _low(2 * D * _low(one[3] * two[3]))
    d = _low(2 * one[2] * two[2])
    return _of(b - a, d - c, d + c, b + a)


def _double(one: tuple) -> tuple:
    a, b = _low(one[0] * one[0]), _low(one[1] * one[1])
    c, h = _low(2 * one[2] * one[2]), a + b
    e = h - _low((one[0] + one[1]) * (one[0] + one[1]))
    g = a - b
    return _of(e, c + g, g, h)


def _of(e: int, f: int, g: int, h: int) -> tuple:
    return e * f % P, g * h % P, f * g % P, e * h % P


def _low(number: int) -> int:
    """Return what is left of a product by 2^255 = 19 (mod P), a little above P at most."""
    number = (number & _LOW) + 19 * (number >> 255)
    return (number & _LOW) + 19 * (number >> 255)


_BASE = _point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or _NEUTRAL
