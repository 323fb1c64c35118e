"""Enrolling a list is killed half-way and typed again: nobody twice, nobody lost, a PIN for each.

The command itself dies by SIGKILL, at the two moments that could part a slip from its card.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from backend import tables as t
from backend.access.passwords import matches
from backend.people.tables import consent
from farz.processes import ROOT
from farz.town import open_books

HEAD = "name,household,language,uid,consent_version,consent_on,consent_how"
PEOPLE = 8
# Runs `farz` with pages of three, and dies when the named step of the second page is done.
BY = ("--by", "admin")
DYING = """
import os, signal, sys
from backend.deposits import resolving
from backend.people import enrolling
from farz import __main__, paper_slips

enrolling.PAGE, step, done = 3, sys.argv.pop(1), []
owner, name = {
    "slips on disk": (paper_slips.Sheets, "keep"),
    "cards booked": (resolving, "claim_for_cards"),
}[step]
true = getattr(owner, name)

def dying(*given, **named):
    done.append(step)
    if step == "slips on disk":
        true(*given, **named)
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return true(*given, **named) if step == "cards booked" else None

setattr(owner, name, dying)
__main__.main()
"""


@pytest.fixture
def town(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of a town that was founded, in its folder."""
    monkeypatch.setenv("FARZ_DATA_DIR", str(tmp_path / "town"))
    monkeypatch.setenv("FARZ_DATABASE_URL", database_url)
    people = tmp_path / "people.csv"
    lines = [
        f"Person {n},House {n // 2},en,04CC{n:010X},2026-1,2026-09-01,paper" for n in range(PEOPLE)
    ]
    people.write_text("\n".join((HEAD, *lines)))
    assert farz("init", "Test village (synthetic)", typed="a password for the first\n")[0] == 0
    return people


def farz(*words: str, dying: str = "", typed: str = "") -> tuple[int, str]:
    program = ["-c", DYING, dying] if dying else ["-m", "farz"]
    ended = subprocess.run(
        [sys.executable, *program, *words],
        input=typed,
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("step", ["slips on disk", "cards booked"])
def test_a_list_that_was_killed_half_way_goes_on(town: Path, step: str) -> None:
    first, second = town.with_name("slips.html"), town.with_name("rest.html")

    killed, _said = farz("people", "import", str(town), "--slips", str(first), *BY, dying=step)
    again = farz("people", "import", str(town), "--slips", str(first), *BY)
    before = first.read_text()
    rest, words = farz("people", "import", str(town), "--slips", str(second), *BY)

    assert killed == -signal.SIGKILL
    assert again[0] == 1
    assert "slips.html is there already" in again[1]
    assert "--slips" in again[1]
    known = 3 if step == "slips on disk" else 6
    assert rest == 0, words
    assert (
        f"{PEOPLE - known} people and {PEOPLE - known} cards are new, {known} were known" in words
    )
    assert first.read_text() == before
    assert _booked() == (PEOPLE, PEOPLE, PEOPLE, PEOPLE)
    assert _opened(first.read_text(), second.read_text()) == PEOPLE


def _booked() -> tuple[int, ...]:
    """How many people, different names, people with a consent, and cards there are."""
    with open_books() as (engine, _town), engine.connect() as conn:
        asked = (
            func.count(),
            func.count(t.person.c.name.distinct()),
            select(func.count(consent.c.person_id.distinct())).scalar_subquery(),
            select(func.count()).select_from(t.card).scalar_subquery(),
        )
        return tuple(conn.execute(select(*asked).select_from(t.person)).one())


def _opened(*sheets: str) -> int:
    """How many cards the newest slip of their holder opens."""
    number = r'<dd><bdi dir="ltr">(\d{4}) (\d{4})</bdi></dd>'
    secret = r'\s*<dt>[^<]+</dt><dd><bdi dir="ltr">(\d{6})</bdi></dd>'
    printed = {
        each[1] + each[2]: each[3]
        for sheet in sheets
        for each in re.finditer(number + secret, sheet)
    }
    with open_books() as (engine, _town), engine.connect() as conn:
        held = {row.number: row.pin_hash for row in conn.execute(select(t.card))}
    return sum(matches(held[each], printed[each]) for each in held)
