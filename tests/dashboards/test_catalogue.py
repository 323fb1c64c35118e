"""The Arabic catalogue is whole, means the same values, and counts as Arabic does."""

import gettext
import re
from collections.abc import Iterator

import polib
import pytest
from babel import Locale
from babel.messages.extract import extract_from_dir

from dashboards.languages import CATALOGUES, catalogue_path
from dashboards.page import HERE

CURE = """
pybabel extract -F dashboards/locale/babel.cfg -k N_ -k say -o /tmp/farz.pot dashboards, then
pybabel update -i /tmp/farz.pot -d dashboards/locale -D farz, then translate what is new"""
PLACES = re.compile(r"%\((\w+)\)s")
DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def arabic() -> polib.POFile:
    return polib.pofile(str(catalogue_path("ar")))


def translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def words_in_use() -> Iterator[str]:
    methods = [("**.py", "python"), ("**.html", "jinja2")]
    keywords = {"_": None, "N_": None, "say": None, "ngettext": (1, 2)}
    options = {"**.html": {"trimmed": "true"}}
    for _file, _line, found, _comments, _context in extract_from_dir(
        HERE, methods, options, keywords
    ):
        yield found if isinstance(found, str) else found[0]


def test_every_word_has_a_translation_and_none_is_left_over(arabic: polib.POFile) -> None:
    used, known = set(words_in_use()), {entry.msgid for entry in arabic}

    assert used - known == set(), f"not translated; the cure: {CURE}"
    assert known - used == set(), f"not used any more; the cure: {CURE}"


def test_no_translation_is_empty_fuzzy_or_obsolete(arabic: polib.POFile) -> None:
    assert [e.msgid for e in arabic if not all(translations(e))] == []
    assert [e.msgid for e in arabic if e.fuzzy or e.obsolete] == []


def test_translations_have_the_same_placeholders(arabic: polib.POFile) -> None:
    different = [
        entry.msgid
        for entry in arabic
        for text in translations(entry)
        if set(PLACES.findall(text)) != set(PLACES.findall(entry.msgid))
    ]

    assert different == []


def test_translations_hold_no_invisible_directions(arabic: polib.POFile) -> None:
    assert [e.msgid for e in arabic if any(DIRECTIONS.search(t) for t in translations(e))] == []


def test_plural_forms_are_those_of_cldr(arabic: polib.POFile) -> None:
    formula = arabic.metadata["Plural-Forms"].partition("plural=")[2].rstrip(";")
    header = gettext.c2py(formula)
    cldr = Locale("ar").plural_form
    order = ("zero", "one", "two", "few", "many", "other")

    assert [n for n in range(1001) if order[header(n)] != cldr(n)] == []


def test_every_plural_has_six_forms(arabic: polib.POFile) -> None:
    assert [e.msgid for e in arabic if e.msgid_plural and len(e.msgstr_plural) != 6] == []


def test_catalogues_say_whether_a_native_speaker_has_read_them() -> None:
    for path in CATALOGUES.glob("*/LC_MESSAGES/*.po"):
        assert "X-Reviewed" in polib.pofile(str(path)).metadata, path
