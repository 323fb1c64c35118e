"""`farz doctor`: a table of questions about this machine and this town, each with its cure.

A finding has a level: 0 well, 1 a warning, 2 wrong. Every finding above 0 names the command
that mends it. Nothing is changed.
"""

import importlib.util
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from farz.broker import SYSTEM_PATH
from farz.town import open_books

WELL, WARNING, WRONG = 0, 1, 2
FREE_BYTES = 500 * 2**20


@dataclass(frozen=True)
class Finding:
    """What a check saw, in words, and the command that mends it."""

    check: str
    level: int
    words: str
    cure: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine() -> list[Finding]:
    """Ask every question; one that fails in an unforeseen way is itself a finding."""
    findings = []
    for name, check in CHECKS.items():
        try:
            findings.append(check(name))
        except Exception as error:
            # A doctor that falls ill says so instead of keeping the other answers to himself.
            findings.append(
                Finding(name, WRONG, f"{type(error).__name__}: {error}", "farz migrate")
            )
    return findings


def show(findings: list[Finding]) -> None:
    """Print the findings, worst first, each with its cure."""
    from rich.console import Console

    console = Console(highlight=False)
    marks = {WELL: "[green]well[/]", WARNING: "[yellow]note[/]", WRONG: "[red]wrong[/]"}
    for finding in sorted(findings, key=lambda each: -each.level):
        console.print(f"{marks[finding.level]:<14} {finding.check}: {finding.words}")
        if finding.cure:
            console.print(f"               mend it:  {finding.cure}", markup=False)


def _python(name: str) -> Finding:
    return Finding(name, WELL, ".".join(map(str, sys.version_info[:3])))


def _installed(program: str, level: int, cure: str, why: str) -> Callable[[str], Finding]:
    def check(name: str) -> Finding:
        path = f"{Path(sys.executable).parent}:{SYSTEM_PATH}"
        if shutil.which(program, path=path):
            return Finding(name, WELL, "installed")
        return Finding(name, level, f"missing; {why}", cure)

    return check


def _room(package: str, extra: str) -> Callable[[str], Finding]:
    def check(name: str) -> Finding:
        if importlib.util.find_spec(package):
            return Finding(name, WELL, "its packages are installed")
        return Finding(name, WARNING, "not installed here", f"pip install 'farz[{extra}]'")

    return check


def _data_dir(name: str) -> Finding:
    from backend.settings import Settings

    folder = Settings().data_dir
    if not folder.exists():
        return Finding(name, WARNING, f"{folder} is not there yet", 'farz init "My village"')
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < FREE_BYTES:
        return Finding(name, WRONG, f"only {free_bytes >> 20} MiB free", f"du -sh {folder}/*")
    return Finding(name, WELL, f"{folder}, {free_bytes >> 30} GiB free")


def _secret(name: str) -> Finding:
    from backend.settings import Settings

    path = Settings().secret_path
    if not path.exists():
        return Finding(name, WARNING, "there is none yet", 'farz init "My village"')
    if path.stat().st_mode & 0o077:
        return Finding(name, WRONG, "others on this machine may read it", f"chmod 600 {path}")
    Settings().town_secret()
    return Finding(name, WELL, "readable by its owner alone")


def _tables(name: str) -> Finding:
    from backend import db, migrations

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, _), db.read(engine) as conn:
        if not migrations.is_current(conn):
            return Finding(name, WRONG, "older than this program", "farz migrate")
    return Finding(name, WELL, "at this version; what is acknowledged is on disk")


def _ledger(name: str) -> Finding:
    from backend import db
    from backend.ledger.verify import verify

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        report = verify(conn, ledger_id)
    if not report.ok:
        return Finding(name, WRONG, str(report.problems[0]), "farz ledger verify")
    return Finding(name, WELL, f"{report.transfers} transfers fold to every balance")


def _tariff(name: str) -> Finding:
    from backend import db
    from backend.tariffs import service as tariffs

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        approved = [version for version in tariffs.tariffs(conn, ledger_id) if version.approved]
    if not approved:
        words = "none is in force, so deposits are held"
        return Finding(name, WARNING, words, "farz tariff draft --help")
    return Finding(name, WELL, f"{len(approved)} approved versions")


def _no_books(name: str) -> Finding | None:
    from backend.settings import Settings

    url = Settings().books_url
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        return Finding(name, WARNING, "there are no books yet", 'farz init "My village"')
    return None


def _sqlite(name: str) -> Finding:
    if sqlite3.sqlite_version_info < (3, 35):
        cure = "use a Python built with SQLite 3.35 or newer"
        return Finding(name, WRONG, f"SQLite {sqlite3.sqlite_version} is too old", cure)
    return Finding(name, WELL, sqlite3.sqlite_version)


CHECKS: dict[str, Callable[[str], Finding]] = {
    "Python": _python,
    "SQLite": _sqlite,
    "broker": _installed(
        "mosquitto",
        WARNING,
        "sudo apt-get install -y --no-install-recommends mosquitto",
        "the demo uses an embedded broker without access lists instead",
    ),
    "MicroPython": _installed(
        "micropython", WARNING, "make setup", "bins cannot be simulated without it"
    ),
    "backend": _room("fastapi", "backend"),
    "gateway": _room("paho", "gateway"),
    "data directory": _data_dir,
    "town secret": _secret,
    "tables": _tables,
    "ledger": _ledger,
    "tariff": _tariff,
}
