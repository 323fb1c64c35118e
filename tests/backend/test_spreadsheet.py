"""A spreadsheet opens our tables as they are meant, and runs nothing that somebody wrote."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.spreadsheet import ENCODING, MARK, Sheet, defused, text_of

EVIL = ["=1+1", "+9", "-9", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")']


@pytest.mark.parametrize("cell", EVIL)
def test_what_begins_like_a_formula_is_shown_as_text(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [-5, 0, 7, None, True, "organic", "5-3", "نفايات", ""])
def test_numbers_and_harmless_words_stay_as_they_are(cell: object) -> None:
    assert defused(cell) is cell


@given(st.text())
def test_nothing_is_changed_by_being_written_and_read(text: str) -> None:
    assert text_of(defused(text)) == text


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")),
                         min_size=2, max_size=2), max_size=5))  # fmt: skip
def test_every_table_comes_back_from_its_bytes(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    sheet = Sheet(out, ("one", "two"))
    for row in rows:
        sheet.add(row)
    raw = (MARK + out.getvalue()).encode()

    found = csv.reader(io.StringIO(raw.decode(ENCODING), newline=""), strict=True)

    assert raw.startswith(b"\xef\xbb\xbf")
    assert next(found) == ["one", "two"]
    assert [[text_of(cell) for cell in row] for row in found] == rows
