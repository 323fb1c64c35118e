"""Routes of the public figures: open to all, as JSON and as a table for a spreadsheet."""

import io
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import PlainTextResponse

from backend.access.dependencies import WithServices
from backend.figures import service
from backend.figures.service import Release
from backend.problems import problems
from backend.schemas import Digits
from backend.spreadsheet import MARK, Sheet

router = APIRouter(prefix="/v1/figures", tags=["figures"])
Month = Annotated[int, Digits, Path(ge=197_001, le=999_912)]
HEADER = ("month", "fraction", "waste_code", "kg", "deposits", "households", "suppressed")


class Csv(PlainTextResponse):
    media_type = "text/csv"


@router.get("", responses=problems(503))
def read_figures(services: WithServices) -> list[Release]:
    """The whole village by the month, the newest first, as each month was published.

    Numbers are rounded; where fewer than `k` households stand behind one, it is suppressed, and
    so are further ones from which it could be told.
    """
    with services.read() as conn:
        return service.releases(conn, services.ledger_id)


@router.get(".csv", response_class=Csv, responses=problems(503))
def read_figures_csv(services: WithServices) -> Csv:
    """The same as one table; a suppressed number is empty."""
    text = io.StringIO(newline="")
    sheet = Sheet(text, HEADER)
    with services.read() as conn:
        for each in service.releases(conn, services.ledger_id):
            for row in each.figures:
                numbers = (row.kg, row.deposits, row.households)
                hidden = "yes" if row.suppressed else "no"
                sheet.add((each.month, row.fraction, row.waste_code, *numbers, hidden))
    return Csv(MARK + text.getvalue())


@router.get("/{month}", responses=problems(404, 422, 503))
def read_month(month: Month, services: WithServices) -> Release:
    """One month, 202611 for November 2026."""
    with services.read() as conn:
        return service.release(conn, services.ledger_id, month)
