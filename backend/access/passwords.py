"""Argon2id for passwords and PINs, and the rules that both must keep.

Parameters are OWASP's second choice (19 MiB, two passes, one lane), which a small machine can
bear when a village signs in at once.
"""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from backend.errors import BadPin, WeakPassword

PASSWORD_SHORTEST = 10
PIN_DIGITS = (4, 8)
DRAWN_DIGITS = 6

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when a name is unknown, so that the time taken does not tell who has an account.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Raises WeakPassword."""
    if len(password) < PASSWORD_SHORTEST:
        raise WeakPassword(f"A password has at least {PASSWORD_SHORTEST} characters.")
    return _hasher.hash(password)


def hash_pin(pin: str) -> str:
    """Raises BadPin."""
    shortest, longest = PIN_DIGITS
    if not (pin.isascii() and pin.isdigit() and shortest <= len(pin) <= longest):
        raise BadPin(f"A PIN has {shortest} to {longest} digits.")
    return _hasher.hash(pin)


def draw_pin() -> str:
    """Return a PIN to print on a slip."""
    return f"{secrets.randbelow(10**DRAWN_DIGITS):0{DRAWN_DIGITS}d}"


def matches(stored: str | None, given: str) -> bool:
    """Tell whether this is the password or PIN; takes as long when there is none stored."""
    try:
        return _hasher.verify(stored or _NOBODY, given) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
