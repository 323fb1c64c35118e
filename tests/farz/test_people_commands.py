"""`farz people` and `farz card` as the office types them."""

import json
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from backend.people.enrolling import Slip
from farz import paper_slips
from farz.errors import FarzError
from farz.processes import ROOT
from tests.farz.shell import Shell

BY = ("--by", "admin")
LIST = """name,household,language,uid,consent_version,consent_on,consent_how
أمل,بيت ١٢,ar,04A2B3C4D5E680,2026-1,2026-09-01,paper
Bassam (synthetic),House 3,en,04A2B3C4D5E681,2026-1,2026-09-01,spoken
"""


@pytest.fixture(scope="module")
def an_enrolled_folder(a_founded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enrolled once, to copy from."""
    folder = tmp_path_factory.mktemp("enrolled")
    farz = Shell(folder / "town")
    shutil.copytree(a_founded_folder, farz.folder)
    people, slips = folder / "people.csv", folder / "slips.html"
    people.write_text(LIST, encoding="utf-8")
    told = farz.done("people", "import", str(people), "--slips", str(slips), *BY, "--json")
    assert json.loads(told)["cards"] == 2
    return folder


@pytest.fixture
def enrolled(tmp_path: Path, an_enrolled_folder: Path) -> tuple[Shell, Path]:
    """A town with a list of two people, and their slips."""
    shutil.copytree(an_enrolled_folder, tmp_path, dirs_exist_ok=True)
    return Shell(tmp_path / "town"), tmp_path / "slips.html"


def test_slips_are_for_their_owner_alone_and_in_both_languages(
    enrolled: tuple[Shell, Path],
) -> None:
    farz, slips = enrolled
    sheet = slips.read_text(encoding="utf-8")

    assert stat.S_IMODE(slips.stat().st_mode) == 0o600
    assert sheet.count("الرقم السري") >= 2
    assert sheet.count(">PIN<") == 2
    assert "أمل" in sheet
    people = slips.with_name("people.csv")
    farz.done("people", "import", str(people), "--slips", str(slips), *BY)  # nobody is new
    longer = LIST + "Dalal (synthetic),House 4,en,04A2B3C4D5E682,2026-1,2026-09-01,paper\n"
    people.write_text(longer, encoding="utf-8")
    again = farz("people", "import", str(people), "--slips", str(slips), *BY)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert slips.read_text(encoding="utf-8") == sheet
    assert len(json.loads(farz.done("people", "find", "", *BY, "--json"))) == 2


def test_a_lost_card_takes_one_command(enrolled: tuple[Shell, Path]) -> None:
    farz, _slips = enrolled

    unclear = farz("card", "lost", "", "04000001", *BY)
    made = json.loads(farz.done("card", "lost", "Bassam", "04000001", *BY, "--json"))
    found = json.loads(farz.done("people", "find", "Bassam", *BY, "--json"))

    assert (unclear.returncode, "2 people fit" in unclear.stderr) == (1, True)
    assert {each["number"]: each["state"] for each in found[0]["cards"]} == {
        made["stopped"]: "blocked",
        made["number"]: "active",
    }
    log = json.loads(farz.done("people", "looks", made["number"], *BY, "--json"))
    assert {line["who"] for line in log} == {"admin"}
    done = ["people:enrol", "people:find", "cards:issue", "people:find", "audit:read"]
    assert [line["action"] for line in reversed(log)] == done, "also whoever was shown among others"
    pin = json.loads(farz.done("card", "pin", made["number"], *BY, "--json"))
    assert pin["pin"] != made["pin"]
    with closing(sqlite3.connect(farz.folder / "books.sqlite")) as books:
        signed = "SELECT decided_by FROM card_state UNION SELECT taken_by FROM consent"
        assert books.execute(signed).fetchall() == [("staff:1",)]


def test_a_list_with_mistakes_makes_nothing(enrolled: tuple[Shell, Path], tmp_path: Path) -> None:
    farz, _slips = enrolled
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(LIST.replace("paper", "pigeon"), encoding="utf-8")

    ended = farz("people", "import", str(wrong), "--slips", str(tmp_path / "other.html"), *BY)

    assert ended.returncode == 1
    assert "line 2, consent" in ended.stderr
    assert not (tmp_path / "other.html").exists()


def test_a_towns_file_brings_people_who_do_not_exist_once(tmp_path: Path) -> None:
    farz, file = Shell(tmp_path / "town"), tmp_path / "town.toml"
    village = (ROOT / "farz" / "towns" / "village.toml").read_text()
    file.write_text(village.replace("synthetic = 500", "synthetic = 12"))

    first = json.loads(farz.done("init", str(file), "--json"))
    again = json.loads(farz.done("init", str(file), "--json"))
    found = json.loads(farz.done("people", "find", "", *BY, "--json"))

    assert "12 synthetic people are enrolled, 3 of them with a card" in first["done"]
    assert again == {"done": [], "notes": [], "secrets": {}}
    assert len(found) == 12
    assert all("(synthetic)" in each["name"] + each["household"] for each in found)
    assert len({each["household"] for each in found}) == 3
    sheet = tmp_path / "town" / "slips.html"
    assert stat.S_IMODE(sheet.stat().st_mode) == 0o600
    for words in (">PIN<", ">الرقم السري<"):  # in each language of the town
        assert sheet.read_text(encoding="utf-8").count(words) == 3


def test_a_towns_file_applied_again_goes_on_beside_the_sheets_that_are_there(
    tmp_path: Path,
) -> None:
    farz, file = Shell(tmp_path / "town"), tmp_path / "town.toml"
    village = (ROOT / "farz" / "towns" / "village.toml").read_text()
    file.write_text(village.replace("synthetic = 500", "synthetic = 5"))
    farz.done("init", str(file))
    first = (tmp_path / "town" / "slips.html").read_bytes()
    file.write_text(village.replace("synthetic = 500", "synthetic = 12"))

    rest = farz("init", str(file), "--json")

    assert "7 synthetic people are enrolled, 2 of them with a card" in rest.stdout, rest.stderr
    assert "12 of 12 people" in rest.stderr
    assert (tmp_path / "town" / "slips.html").read_bytes() == first
    more = (tmp_path / "town" / "slips-2.html").read_text(encoding="utf-8")
    assert more.count(">PIN<") == 2
    with closing(sqlite3.connect(tmp_path / "town" / "books.sqlite")) as books:
        counted = [
            books.execute(f"SELECT count(*), count(DISTINCT {column}) FROM {table}").fetchone()
            for table, column in (("person", "name"), ("consent", "person_id"))
        ]
    assert counted == [(12, 12), (12, 12)]


def test_slips_go_on_a_new_sheet_and_none_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_slips, "SHEET_SLIPS", 4)
    sheets = paper_slips.Sheets(tmp_path / "s.html", "Town", synthetic=True)

    def page(first: int) -> list[Slip]:
        return [Slip(n, f"P {n}", "H", "en", "12345674", f"9{n:05d}") for n in (first, first + 1)]

    for first in (0, 2, 4):
        sheets.keep(page(first))

    assert [each.name for each in sheets.written] == ["s.html", "s-2.html"]
    texts = [each.read_text(encoding="utf-8") for each in sheets.written]
    pins = [[n for n in range(6) if f"9{n:05d}" in text] for text in texts]
    assert pins == [[0, 1, 2, 3], [4, 5]]
    with pytest.raises(FarzError, match="is there already"):
        paper_slips.Sheets(tmp_path / "s.html", "Town", synthetic=True).keep(page(6))
    assert (tmp_path / "s.html").read_text(encoding="utf-8") == texts[0]
