"""Discounts as a table for the municipality's billing: by bill, and without who it was."""

from sqlalchemy import Connection

from backend.fees import service
from backend.fees.service import Discount
from backend.spreadsheet import table
from backend.towns.clocks import cells

HEADER = ("receipt", "bill", "bill_amount", "amount", "redeemed", "redeemed_s", "voided")


def sheet(conn: Connection, ledger_id: int, since_s: int, until_s: int) -> tuple[str, int]:
    """Return the table's text and how many discounts are in it, also those taken back (1)."""
    date, found = cells(conn, ledger_id), service.discounts(conn, ledger_id, since_s, until_s)
    rows = [_cells(each, date(each.redeemed_s)) for each in found]
    return table(HEADER, rows), len(rows)


def _cells(each: Discount, date: str) -> tuple[str | int, ...]:
    moment = (date, each.redeemed_s)
    return (each.receipt, each.bill, each.bill_amount, each.amount, *moment, int(each.voided))
