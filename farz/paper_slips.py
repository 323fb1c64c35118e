"""The sheets of PIN slips that enrolling writes, for their owner alone.

A sheet is on disk, whole, before its people are in the books. After so many slips another sheet
begins, so that a town of 50,000 does not write its first slip five hundred times.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from farz.errors import FarzError

if TYPE_CHECKING:
    from markupsafe import Markup

    from backend.access.audit import Actor
    from backend.people.enrolling import Enrolled, Slip
    from backend.people.lists import Entry
    from backend.services import Services

SHEET_SLIPS = 500
SAID_EVERY = 5_000  # people, where nobody watches


class Sheets:
    """`slips.html`, then `slips-2.html` and so on; no file that is there is written over."""

    def __init__(self, path: Path, town: str, *, synthetic: bool, beside: bool = False) -> None:
        """`beside`: leave sheets that are there as they are, and take the next name."""
        self._path, self._town, self._synthetic, self._beside = path, town, synthetic, beside
        self._number = 0
        self._drawn: list[list[Markup]] = []
        self.written: list[Path] = []

    def keep(self, more: "list[Slip]") -> None:
        """Put slips on the sheet in hand. Raises FarzError, OSError."""
        from dashboards.slips import drawn, sheet

        if not self.written or len(self._drawn) + len(more) > SHEET_SLIPS:
            self._begin()
        self._drawn += [drawn(each) for each in more]
        target = self.written[-1]
        fresh = target.with_name(target.name + ".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(sheet(self._town, self._drawn, synthetic=self._synthetic))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(target)

    def _begin(self) -> None:
        target = self._next()
        while target.exists() and self._beside:
            target = self._next()
        if target.exists():
            raise FarzError(
                f"{target} is there already, and its PINs may be in use. Keep it, and name a new "
                "file for whoever is not enrolled yet: --slips FILE. Of two slips the newer holds."
            )
        self._drawn = []
        self.written.append(target)

    def _next(self) -> Path:
        self._number += 1
        name = self._path.name
        if self._number > 1:
            name = f"{self._path.stem}-{self._number}{self._path.suffix}"
        return self._path.with_name(name)


def enrol(
    services: "Services",
    entries: "Sequence[Entry]",
    slips: Path,
    decided_by: str,
    actor: "Actor | None" = None,
    *,
    beside: bool = False,
) -> "tuple[Enrolled, list[Path]]":
    """Enrol a list and write its slips; return what was done and the sheets.

    Of an `actor` it is in people's log who gave them their cards.
    """
    from backend.people import enrolling
    from backend.towns import service as towns

    with services.read() as conn:
        town = towns.town(conn, services.ledger_id).name
    paper = Sheets(slips, town, synthetic=services.settings.synthetic, beside=beside)

    def keep(more: "list[Slip]") -> None:
        paper.keep(more)
        if actor is not None:
            theirs = [each.person_id for each in more]
            services.audit.add(actor, "people:enrol", theirs, at_s=services.now_s())

    made = enrolling.enrol_list(
        services,
        entries,
        decided_by=decided_by,
        keep_slips=keep,
        progress=lambda done: _progress(done, len(entries)),
    )
    return made, paper.written


def _progress(done: int, of: int) -> None:
    """Long work says how far it is, beside what it prints."""
    if sys.stderr.isatty() or done == of or done % SAID_EVERY == 0:
        sys.stderr.write(f"{done} of {of} people\n")
