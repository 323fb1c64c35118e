"""Kilograms as somebody types them, as whole grams."""

import unicodedata
from decimal import Decimal

from backend.errors import BadInput

_SEPARATORS = str.maketrans({"٫": ".", ",": ".", "،": "."})
LONGEST = 12


def grams(typed: str) -> int:
    """Read "2.5", "2,5" or "٢٫٥" as 2500. Raises BadInput for what is not a weight in grams."""
    plain = "".join(_latin(sign) for sign in typed.strip().translate(_SEPARATORS))
    whole, _, part = plain.partition(".")
    if not (plain.isascii() and (whole + part).isdigit() and len(plain) <= LONGEST):
        raise BadInput("Write kilograms as a number, like 2.5.")
    if len(part) > 3:
        raise BadInput("The scale of the desk shows whole grams: three digits after the point.")
    return int(Decimal(plain or 0).scaleb(3))


def _latin(sign: str) -> str:
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)
