"""A statement's bookings as a table for a spreadsheet, with dates by the town's clocks."""

from sqlalchemy import Connection

from backend.services import Services
from backend.settlements import service
from backend.settlements.service import Statement
from backend.spreadsheet import table
from backend.towns.clocks import cells

HEADER = ("receipt", "what", "grams", "amount", "recorded", "recorded_s")


def sheet(conn: Connection, services: Services, found: Statement) -> tuple[str, int]:
    """Return the table's text and how many bookings are in it."""
    date, lines = cells(conn, services.ledger_id), service.lines(conn, services, found)
    rows = (
        (each.receipt, each.what, each.grams, each.amount, date(each.recorded_s), each.recorded_s)
        for each in lines
    )
    return table(HEADER, rows), len(lines)
