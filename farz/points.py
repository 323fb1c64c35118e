"""A collection point as people call it on the command line."""

from typing import TYPE_CHECKING

from farz.errors import FarzError

if TYPE_CHECKING:
    from sqlalchemy import Connection


def point_id(conn: "Connection", ledger_id: int, name: str) -> int | None:
    """Return the number of a collection point; None for no name. Raises FarzError with them all."""
    from backend.towns import service as towns

    if not name:
        return None
    known = towns.points(conn, ledger_id)
    for each in known:
        if each.name == name:
            return each.id
    names = ", ".join(each.name for each in known) or "none yet"
    raise FarzError(f"There is no collection point {name!r}. There are: {names}.")
