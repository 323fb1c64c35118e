"""The streams of a period as a table for a spreadsheet, in the reader's language."""

from collections.abc import Iterable

from backend import spreadsheet
from backend.reports.service import Stream
from dashboards.labels import label
from dashboards.languages import Language


def table(language: Language, streams: Iterable[Stream]) -> str:
    """Return the table's text; weights in grams and credit in minor units, as whole numbers."""
    say = language.say
    header = (
        say("Kind of waste"),
        say("Collection point"),
        say("Deposits"),
        say("Weight in grams"),
        say("Held, in grams"),
        say("Credit in minor units"),
    )
    return spreadsheet.table(header, (_cells(language, each) for each in streams))


def _cells(language: Language, each: Stream) -> tuple[str | int, ...]:
    where = each.point or language.say("No place known")
    numbers = (each.deposits, each.net_g, each.held_g, each.amount)
    return (label(language, "fraction", each.fraction), where, *numbers)
