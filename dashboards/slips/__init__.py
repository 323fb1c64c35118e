"""Slips with a card's number and PIN, to be printed, cut apart and handed over.

A slip is in every language, so that whoever reads it need not choose. The sheet carries its own
styles, for it is a file to print and no page of the town's.
"""

from collections.abc import Sequence

from markupsafe import Markup

from backend.people.enrolling import Slip
from dashboards.languages import LANGUAGES
from dashboards.page import ENVIRONMENTS, HERE

STYLE = HERE / "slips" / "print.css"


def drawn(slip: Slip) -> list[Markup]:
    """Return one slip in every language."""
    return [
        Markup(ENVIRONMENTS[code].get_template("slips/slip.html").render(slip=slip, language=each))
        for code, each in LANGUAGES.items()
    ]


def sheet(town: str, slips: Sequence[list[Markup]], *, synthetic: bool = False) -> str:
    """Return a sheet of drawn slips as HTML.

    It holds PINs: whoever writes it to a file makes that private.
    """
    template = next(iter(ENVIRONMENTS.values())).get_template("slips/sheet.html")
    style = Markup(f"<style>\n{STYLE.read_text()}</style>")
    return template.render(town=town, slips=slips, synthetic=synthetic, style=style)
