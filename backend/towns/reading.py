"""Reading a town's file: the plan in it, or every mistake with its line and its cure at once.

Pure. TOML's reader keeps no places, so a short scan remembers on which line each table, key and
row of a list stands.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from backend.errors import BadTownFile
from backend.towns import checks
from backend.towns.checks import Path
from backend.towns.plan import LENIENT, Plan

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([\w-]+)\s*=\s*(\[\s*(?:#.*)?$)?")
_ROW = re.compile(r"\s*[{\"\d\[]")
_LIST_ENDS = re.compile(r"\s*\]")

# What to do about a value of the wrong shape, by pydantic's name of the error and by the key.
_CURES = {
    "missing": "Write it: {key} = …",
    "extra_forbidden": "Take it out, or spell it as in farz/towns/village.toml.",
    "int_type": "Write a whole number, without quotes or a point.",
    "string_type": "Write it in quotes.",
    "bool_type": "Write true or false.",
    "list_type": "Write a list: {key} = [ … ]",
    "model_type": "Write a table: [{key}], or {{ … }} in a list.",
    "datetime_type": "Write it like 2027-01-01T00:00:00+02:00, without quotes.",
    "timezone_aware": "Write where its clock stands: 2027-01-01T00:00:00+02:00.",
    "greater_than_equal": "Write {ge} or more.",
    "less_than_equal": "Write {le} or less.",
    "too_short": "Write at least one.",
    "string_too_short": "Write something between the quotes.",
    "string_too_long": "Write at most {max_length} characters.",
}
_PATTERNS = {
    "currency": "Use 2 to 16 letters, like QMM.",
    "languages": "Use two or three small letters each: ar, en, …",
    "grades": "Use 1 to 12 of a-z, 0-9, _ and the hyphen.",
    "grade": "Use 1 to 12 of a-z, 0-9, _ and the hyphen.",
    "login": "Use 1 to 64 of a-z, 0-9, the dot and the hyphen.",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """`line` counts from 1."""

    line: int
    words: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.words} {self.cure}"


def read_file(raw: bytes) -> Plan:
    """Return the plan in a file's bytes. Raises BadTownFile with every mistake in it."""
    try:
        return read(raw.decode("utf-8-sig"))  # some editors put a mark first
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadTownFile(f"line {line}: This is not UTF-8. Save the file as UTF-8.") from None


def read(text: str) -> Plan:
    """Return the plan in a file's text. Raises BadTownFile with every mistake in it."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTownFile(f"This is not TOML: {error}. Mend that place first.") from None
    wrong: list[Any] = []
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        wrong = list(error.errors())
        plan = Plan.model_validate(raw, context=LENIENT)
    lines = lines_of(text)
    mistakes = [_of_shape(lines, each) for each in wrong]
    mistakes += _between(lines, plan, {tuple(each["loc"]) for each in wrong})
    if not mistakes:
        return plan
    told = "\n".join(str(each) for each in sorted(mistakes, key=lambda each: each.line))
    raise BadTownFile(f"{len(mistakes)} to mend, nothing was changed:\n{told}")


def _between(lines: dict[Path, int], plan: Plan, told: set[Path]) -> Iterator[Mistake]:
    """What does not fit together, but for what was told of the same place already."""
    for place, words, cure in checks.check(plan):
        around = {place[:depth] for depth in range(1, len(place) + 1)}
        if not around & told:
            yield Mistake(_line(lines, place), words, cure)


def lines_of(text: str) -> dict[Path, int]:
    """Return the line of each table, key and row: ("points", 2, "name") -> 14."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = defaultdict(int)
    table: Path = ()
    inside: Path = ()  # the list whose rows stand on lines of their own
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            if _LIST_ENDS.match(line):
                inside = ()
            elif _ROW.match(line):
                found[(*inside, counts[inside])] = number
                counts[inside] += 1
        elif header := _HEADER.match(line):
            names = tuple(header[2].split("."))
            table = _table(names, header[1] == "[[", counts)
            found[table] = number
            found.setdefault(names, number)  # what is wrong with all of them stands at the first
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1]), number)
            inside = (*table, key[1]) if key[2] else ()
    return found


def _table(names: tuple[str, ...], repeated: bool, counts: dict[Path, int]) -> Path:
    """Where a header leads: the last of each repeated table on the way."""
    place: Path = ()
    for depth, name in enumerate(names):
        place = (*place, name)
        if repeated and depth == len(names) - 1:
            counts[place] += 1
        if counts[place]:
            place = (*place, counts[place] - 1)
    return place


def _line(lines: dict[Path, int], place: Path) -> int:
    """The line of a place, or of the nearest thing around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _of_shape(lines: dict[Path, int], error: Any) -> Mistake:
    place: Path = tuple(error["loc"])
    name, kind = ".".join(map(str, place)), error["type"]
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    words = {
        "missing": f"{name} is missing.",
        "extra_forbidden": f"Nothing is called {name}.",
    }.get(kind, f"{name}: {error['msg']}.")
    cure = _PATTERNS.get(key, "") if kind == "string_pattern_mismatch" else _CURES.get(kind, "")
    cure = cure.format(key=key, **error.get("ctx", {})) or "Write another value here."
    return Mistake(_line(lines, place), words, cure)
