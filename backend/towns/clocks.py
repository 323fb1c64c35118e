"""Moments by a town's own clocks: as people read them, and as spreadsheets take them for dates."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from backend.towns import service


def zone(conn: Connection, ledger_id: int) -> ZoneInfo:
    """Return where a town's clocks stand."""
    return ZoneInfo(service.town(conn, ledger_id).timezone)


def clocks(conn: Connection, ledger_id: int) -> Callable[[int], str]:
    """Return what tells Unix seconds as a town's file writes them: 2027-01-05 10:30+02:00."""
    here = zone(conn, ledger_id)
    return lambda at_s: datetime.fromtimestamp(at_s, here).isoformat(" ", "minutes")


def cells(conn: Connection, ledger_id: int) -> Callable[[int], str]:
    """Return what writes Unix seconds into a cell: 2027-01-05 10:30:00.

    With its offset no spreadsheet takes it for a date. Where clocks are set back an hour comes
    twice; the seconds beside it tell which.
    """
    here = zone(conn, ledger_id)
    return lambda at_s: datetime.fromtimestamp(at_s, here).strftime("%Y-%m-%d %H:%M:%S")
