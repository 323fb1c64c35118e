"""Tables for a spreadsheet: CSV that opens in Arabic, and in which no cell is a formula.

UTF-8 with a byte order mark, which is how spreadsheets know it; RFC 4180 lines. A cell of text
that begins like a formula gets an apostrophe before it (OWASP, CSV injection).
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import Response

MEDIA_TYPE = "text/csv"
_BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
}


def sheet(names: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> str:
    """Return a table with a row of names first; whole numbers stay numbers."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(each) for each in row] for row in rows)
    return _BOM + out.getvalue()


def answer(name: str, text: str) -> Response:
    """A table as a file to save."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.encode(), media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)


def _cell(value: str | int | None) -> str | int:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
