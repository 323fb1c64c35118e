"""Moments as people write them on the command line, and as they are told: by the town's clocks."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from farz.errors import FarzError
from farz.town import open_books

if TYPE_CHECKING:
    from sqlalchemy import Connection


def moment(text: str) -> int:
    """Return Unix seconds; what names no zone is by the town's clocks. Raises FarzError."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise FarzError(
            f"{text!r} is no moment; write it like 2027-01-01, 2027-01-01T08:30 or, with a zone, "
            "2027-01-01T08:30+02:00."
        ) from None
    return int((said if said.tzinfo else said.replace(tzinfo=_here())).timestamp())


def span(since: str, until: str) -> tuple[int, int]:
    """Return a period; what is empty is open. Raises FarzError."""
    return moment(since) if since else 0, moment(until) if until else 2**40


def _here() -> tzinfo:
    from backend import db
    from backend.towns.clocks import zone

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        return zone(conn, ledger_id)


def clocks(conn: "Connection", ledger_id: int) -> Callable[[int], str]:
    """Return what tells Unix seconds by a town's clocks, as a town's file writes them."""
    from backend.towns import clocks as town

    return town.clocks(conn, ledger_id)
