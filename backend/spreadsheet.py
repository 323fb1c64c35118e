"""Tables that a spreadsheet opens as they are meant, in Arabic too: the one writer of CSV.

RFC 4180 in UTF-8 with a mark at the start, without which Excel takes Arabic for Latin letters. A
cell of text that begins like a formula is written with an apostrophe before it, which a spreadsheet
shows as text instead of running it (OWASP, "CSV injection"); `text_of` takes it away again, so
that nothing is changed by being written and read. Numbers stay numbers, also below zero.
"""

import csv
import io
from collections.abc import Iterable
from typing import Any, TextIO

MARK = "\ufeff"
ENCODING = "utf-8-sig"  # writes the mark, and reads with or without it
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_APOSTROPHE = "'"


class Sheet:
    """Writes rows to a text file that was opened with `newline=""`."""

    def __init__(self, out: TextIO, header: Iterable[str]) -> None:
        self._writer = csv.writer(out)
        self.add(header)

    def add(self, cells: Iterable[Any]) -> None:
        """Write one row; None is an empty cell."""
        self._writer.writerow([defused(each) for each in cells])


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a whole table, its mark included."""
    out = io.StringIO(newline="")
    sheet = Sheet(out, header)
    for row in rows:
        sheet.add(row)
    return MARK + out.getvalue()


def defused(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; only text is changed."""
    if isinstance(cell, str) and cell.startswith((*_FORMULA, _APOSTROPHE)):
        return _APOSTROPHE + cell
    return cell


def text_of(cell: str) -> str:
    """Undo `defused`."""
    return cell.removeprefix(_APOSTROPHE)
