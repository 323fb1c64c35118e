"""Moments as people write them on the command line, and as they are told: by the town's clocks."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from farz.errors import FarzError

if TYPE_CHECKING:
    from sqlalchemy import Connection


def moment(text: str) -> int:
    """Return Unix seconds; without a zone it is this machine's time. Raises FarzError."""
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise FarzError(f"{text!r} is no moment; write it like 2027-01-01T00:00+02:00.") from None


def clocks(conn: "Connection", ledger_id: int) -> Callable[[int], str]:
    """Return what tells Unix seconds by a town's clocks, as a town's file writes them."""
    from backend.towns import clocks as town

    return town.clocks(conn, ledger_id)
