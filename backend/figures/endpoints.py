"""Routes of the public figures: open to all, as JSON and as a table for a spreadsheet."""

from typing import Annotated

from fastapi import APIRouter, Path

from backend.access.dependencies import WithServices
from backend.downloads import Csv
from backend.figures import service
from backend.figures.service import Figure, Release
from backend.problems import problems
from backend.schemas import Digits
from backend.spreadsheet import table

router = APIRouter(prefix="/v1/figures", tags=["figures"])
Month = Annotated[int, Digits, Path(ge=197_001, le=999_912)]
HEADER = ("month", "fraction", "waste_code", "kg", "deposits", "households", "suppressed")


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
    with services.read() as conn:
        found = service.releases(conn, services.ledger_id)
    rows = (_cells(each.month, row) for each in found for row in each.figures)
    return Csv(table(HEADER, rows), "figures")


@router.get("/{month}", responses=problems(404, 422, 503))
def read_month(month: Month, services: WithServices) -> Release:
    """One month, 202611 for November 2026."""
    with services.read() as conn:
        return service.release(conn, services.ledger_id, month)


def _cells(month: int, row: Figure) -> tuple[int | str | None, ...]:
    numbers = (row.kg, row.deposits, row.households)
    return (month, row.fraction, row.waste_code, *numbers, "yes" if row.suppressed else "no")
