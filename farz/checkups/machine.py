"""This machine: its programs and packages, its clock, what pages and displays are drawn with."""

import importlib.util
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from farz import variables
from farz.broker import SYSTEM_PATH
from farz.checkups.finding import WARNING, WELL, WRONG, Check, Finding
from farz.processes import ROOT

OLDEST_PYTHON, OLDEST_SQLITE = (3, 11), (3, 35)


def python(name: str) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return Finding(name, WRONG, f"{version} is too old", "use Python 3.11 or newer")
    return Finding(name, WELL, version)


def sqlite(name: str) -> Finding:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        cure = "use a Python built with SQLite 3.35 or newer"
        return Finding(name, WRONG, f"SQLite {sqlite3.sqlite_version} is too old", cure)
    return Finding(name, WELL, sqlite3.sqlite_version)


def environment(name: str) -> Finding:
    """A setting whose name is misspelt says nothing to anybody, and no command starts beside it."""
    if wrong := variables.misspelt():
        words = " ".join(variables.about(*each) for each in wrong.items())
        return Finding(name, WRONG, words, f"unset {' '.join(wrong)}")
    return Finding(name, WELL, "every FARZ_ variable is a setting")


def installed(program: str, level: int, cure: str, why: str) -> Check:
    """A check that a program is there."""

    def check(name: str) -> Finding:
        path = f"{Path(sys.executable).parent}:{SYSTEM_PATH}"
        if shutil.which(program, path=path):
            return Finding(name, WELL, "installed")
        return Finding(name, level, f"missing; {why}", cure)

    return check


def room(package: str, extra: str) -> Check:
    """A check that a room's packages are there."""

    def check(name: str) -> Finding:
        if has(package):
            return Finding(name, WELL, "its packages are installed")
        return Finding(name, WARNING, "not installed here", f"pip install 'farz[{extra}]'")

    return check


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def clock(name: str) -> Finding:
    """Deposits are dated by the bins' clocks, which follow this one."""
    program = shutil.which("timedatectl")
    if program is None:
        words = "cannot be told without timedatectl"
        return Finding(name, WARNING, words, "sudo apt-get install systemd-timesyncd")
    asked = [program, "show", "--property=NTPSynchronized", "--value"]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=10).stdout.strip()
    if said == "yes":
        return Finding(name, WELL, "set by the network")
    words = "not set by the network" if said == "no" else "systemd does not say"
    return Finding(name, WARNING, words, "sudo timedatectl set-ntp true")


def lettering(name: str) -> Finding:
    """Only who draws the display's words anew needs it: without Raqm Arabic falls apart."""
    if not has("PIL"):
        return Finding(name, WELL, "Pillow is not here; the drawn words are")
    from PIL import features

    if features.check("raqm"):
        return Finding(name, WELL, "Pillow shapes Arabic (Raqm)")
    return Finding(name, WARNING, "this Pillow has no Raqm", "pip install --upgrade pillow")


def fonts(name: str) -> Finding:
    found = sorted((ROOT / "dashboards" / "static" / "fonts").glob("*.woff2"))
    if found:
        return Finding(name, WELL, f"{len(found)} files for the pages")
    return Finding(
        name, WRONG, "the pages' fonts are missing", "pip install --force-reinstall farz"
    )
