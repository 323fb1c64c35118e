"""Moments as people write them on the command line."""

from datetime import datetime

from farz.errors import FarzError


def moment(text: str) -> int:
    """Return Unix seconds; without a zone it is this machine's time. Raises FarzError."""
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise FarzError(f"{text!r} is no moment; write it like 2027-01-01T00:00+02:00.") from None
