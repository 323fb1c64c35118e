"""The streams of a period as a table for a spreadsheet, in the reader's language."""

import io
from collections.abc import Iterable

from backend.reports.service import Stream
from backend.spreadsheet import MARK, Sheet
from dashboards.labels import label
from dashboards.languages import Language


def table(language: Language, streams: Iterable[Stream]) -> str:
    """Return the table's text; weights in grams and credit in minor units, as whole numbers."""
    say = language.say
    text = io.StringIO(newline="")
    header = (
        say("Kind of waste"),
        say("Collection point"),
        say("Deposits"),
        say("Weight in grams"),
        say("Held, in grams"),
        say("Credit in minor units"),
    )
    sheet = Sheet(text, header)
    for each in streams:
        where = each.point or say("No place known")
        numbers = (each.deposits, each.net_g, each.held_g, each.amount)
        sheet.add((label(language, "fraction", each.fraction), where, *numbers))
    return MARK + text.getvalue()
