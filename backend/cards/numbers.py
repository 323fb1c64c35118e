"""The number printed on a card: seven digits at random and Luhn's check digit (ISO/IEC 7812-1).

The check digit catches every single wrong digit and nearly every swap of two neighbours, so
that a slip of the finger is told from a wrong PIN.
"""

import secrets

from backend.errors import BadNumber

DIGITS = 8


def draw() -> str:
    """Return a new card number."""
    body = f"{secrets.randbelow(10 ** (DIGITS - 1)):0{DIGITS - 1}d}"
    return body + str(-luhn(body + "0") % 10)


def check(number: str) -> str:
    """Return the number without blanks. Raises BadNumber."""
    digits = number.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) == DIGITS):
        raise BadNumber(f"A card number has {DIGITS} digits.")
    if luhn(digits) % 10:
        raise BadNumber("This card number has a wrong digit in it.")
    return digits


def luhn(digits: str) -> int:
    """Luhn's sum: every second digit from the right counts twice, a two-digit result less 9."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total
