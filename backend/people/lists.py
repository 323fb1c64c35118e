"""A list of people to enrol, as a spreadsheet saves it: read whole, every mistake told at once.

One line a person: name, household, language, uid, consent_version, consent_on, consent_how.
Commas, semicolons or tabs; UTF-8, with or without the mark that spreadsheets put first. Household
and name together say who somebody is, so that the same list, or a longer one, enrols nobody twice.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from backend.errors import BadInput, BadList
from backend.people.consents import Consent, check
from backend.vault import Vault

if TYPE_CHECKING:
    import _csv

NEEDED = ("name", "household", "consent_version", "consent_on", "consent_how")
COLUMNS = (*NEEDED, "language", "uid")
EXAMPLE = "name,household,language,uid,consent_version,consent_on,consent_how"
LINES_MOST = 100_000
TOLD_MOST = 50
_UID = re.compile(r"(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{14}|[0-9a-fA-F]{20})")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SIZES = {"name": 120, "household": 64}


class Mistake(NamedTuple):
    """`line` counts from 1 with the heading; `cure` is what to do about it."""

    line: int
    column: str
    words: str
    cure: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.words} {self.cure}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list: somebody to enrol, with a card if there is one for them."""

    line: int
    name: str
    household: str
    language: str
    uid: bytes | None
    consent: Consent

    @property
    def key(self) -> str:
        """Who this is, in this town."""
        return key_of(self.household, self.name)


def key_of(household: str, name: str) -> str:
    """Who somebody is in their town's lists."""
    return f"{household.casefold()}\n{name.casefold()}"


def row_hash(vault: Vault, ledger_id: int, key: str) -> bytes:
    """Return the keyed hash by which a town knows whom a list has brought."""
    return bytes.fromhex(vault.name_hash(f"{ledger_id}:row:{key}"))


def read(raw: bytes, *, now_s: int) -> list[Entry]:
    """Raises BadList with every mistake, each with its line and cure."""
    table = _table(raw)
    mistakes: list[Mistake] = []
    entries: list[Entry] = []
    for line, cells in table:
        found = list(_mistakes(line, cells, now_s))
        mistakes += found
        if not found:
            entries.append(_entry(line, cells))
    mistakes += _twice(entries)
    refuse(mistakes)
    if not entries:
        raise BadList("There is nobody in this list. Write one line a person under the heading.")
    return entries


def refuse(mistakes: list[Mistake]) -> None:
    """Raises BadList unless there are none."""
    if not mistakes:
        return
    shown = [str(each) for each in sorted(mistakes)[:TOLD_MOST]]
    more = len(mistakes) - len(shown)
    if more:
        shown.append(f"and {more} more.")
    raise BadList("\n".join([f"Nobody was enrolled; {len(mistakes)} to mend:", *shown]))


def _table(raw: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadList(f"line {line}: This is not UTF-8. Save it as 'CSV UTF-8'.") from None
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [cell.strip().lower() for cell in next(reader, [])]
        _check_heading(names)
        yield from _rows(reader, names)
    except csv.Error as error:
        raise BadList(f"line {reader.line_num}: {error}. Save the list as CSV again.") from None


def _check_heading(names: list[str]) -> None:
    missing = [name for name in NEEDED if name not in names]
    strange = [name for name in names if name not in COLUMNS]
    double = sorted({name for name in names if names.count(name) > 1})
    if missing or strange or double:
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(map(repr, strange))} unknown"] if strange else []
        said += [f"{', '.join(double)} twice"] if double else []
        raise BadList(f"line 1: In the heading: {'; '.join(said)}. Write: {EXAMPLE}")


def _rows(reader: "_csv.Reader", names: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    before = reader.line_num
    for count, cells in enumerate(reader, 1):
        line, before = before + 1, reader.line_num
        if count > LINES_MOST:
            raise BadList(f"A list has at most {LINES_MOST} lines. Split it.")
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            said = f"{len(cells)} cells under {len(names)} headings."
            raise BadList(f"line {line}: {said} Put quotes around a cell with a comma in it.")
        stripped = (cell.strip() for cell in cells)
        yield line, dict.fromkeys(COLUMNS, "") | dict(zip(names, stripped, strict=True))


def _mistakes(line: int, cells: dict[str, str], now_s: int) -> Iterator[Mistake]:
    for column in NEEDED:
        if not cells[column]:
            yield Mistake(line, column, "This is empty.", "Fill it in, or take the line out.")
    for column, most in _SIZES.items():
        if len(cells[column]) > most:
            yield Mistake(line, column, f"More than {most} characters.", "Write it shorter.")
        if _CONTROL.search(cells[column]):
            yield Mistake(line, column, "There is a line break in it.", "Write it on one line.")
    if cells["language"] and not _LANGUAGE.fullmatch(cells["language"]):
        yield Mistake(line, "language", f"{cells['language']!r} is none.", "Write ar or en.")
    if cells["uid"] and not _UID.fullmatch(cells["uid"].replace(":", "")):
        cure = "Read the card again: 8, 14 or 20 digits of 0-9 and A-F."
        yield Mistake(line, "uid", f"{cells['uid']!r} is no card's UID.", cure)
    yield from _about_consent(line, cells, now_s)


def _about_consent(line: int, cells: dict[str, str], now_s: int) -> Iterator[Mistake]:
    if not (cells["consent_on"] and cells["consent_how"] and cells["consent_version"]):
        return
    try:
        given_s = _midnight_s(cells["consent_on"])
    except ValueError:
        words = f"{cells['consent_on']!r} is no day."
        yield Mistake(line, "consent_on", words, "Write it like 2026-11-27.")
        return
    try:
        check(Consent(cells["consent_version"], given_s, cells["consent_how"]), now_s=now_s)
    except BadInput as error:
        yield Mistake(line, "consent", str(error), "")


def _entry(line: int, cells: dict[str, str]) -> Entry:
    uid = cells["uid"].replace(":", "")
    given_s = _midnight_s(cells["consent_on"])
    return Entry(
        line,
        cells["name"],
        cells["household"],
        cells["language"] or "ar",
        bytes.fromhex(uid) if uid else None,
        Consent(cells["consent_version"], given_s, cells["consent_how"]),
    )


def _twice(entries: list[Entry]) -> Iterator[Mistake]:
    people: dict[str, int] = {}
    uids: dict[bytes, int] = {}
    for each in entries:
        first = people.setdefault(each.key, each.line)
        if first != each.line:
            cure = "Take one out, or tell the two apart by their names."
            yield Mistake(each.line, "name", f"The same person as in line {first}.", cure)
        if each.uid is not None:
            first = uids.setdefault(each.uid, each.line)
            if first != each.line:
                cure = "Read both cards again."
                yield Mistake(each.line, "uid", f"The same card as in line {first}.", cure)


def _midnight_s(day: str) -> int:
    """Unix seconds at the start of a day in UTC. Raises ValueError."""
    return int(datetime.combine(date.fromisoformat(day), time(), UTC).timestamp())
