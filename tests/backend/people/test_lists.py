"""A list is read whole: every mistake with its line and cure, and nothing that crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BadList
from backend.people import lists
from tests.backend.village import START_S

HEAD = "name,household,language,uid,consent_version,consent_on,consent_how"
RIGHT = "Amal,House 1,ar,04A2B3C4,2026-1,2026-09-01,paper"


def read(*lines: str) -> list[lists.Entry]:
    return lists.read("\n".join((HEAD, *lines)).encode(), now_s=START_S)


def test_a_line_is_a_person_with_a_card_and_a_consent() -> None:
    (entry,) = read(RIGHT)

    assert (entry.line, entry.name, entry.household, entry.language) == (2, "Amal", "House 1", "ar")
    assert entry.uid == b"\x04\xa2\xb3\xc4"
    assert (entry.consent.version, entry.consent.how) == ("2026-1", "paper")
    assert entry.consent.given_s == 1_788_220_800


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_comes_as_spreadsheets_save_it(delimiter: str, mark: str, end: str) -> None:
    text = mark + end.join((HEAD, "", RIGHT, " , ,, ,, ,", "")).replace(",", delimiter)

    assert [each.name for each in lists.read(text.encode(), now_s=START_S)] == ["Amal"]


MISTAKES = [
    ("Amal", "", "line 2, name: This is empty. Fill it in, or take the line out."),
    ("House 1", "", "line 2, household: This is empty."),
    ("Amal", "A" * 121, "line 2, name: More than 120 characters. Write it shorter."),
    ("Amal", '"A\nB"', "line 2, name: There is a line break in it."),
    (",ar,", ",Arabic,", "line 2, language: 'Arabic' is none. Write ar or en."),
    ("04A2B3C4", "04A2B3", "line 2, uid: '04A2B3' is no card's UID. Read the card again"),
    ("04A2B3C4", "04A2B3CG", "is no card's UID"),
    ("2026-1,", ",", "line 2, consent_version: This is empty."),
    (
        "2026-09-01",
        "1.9.2026",
        "line 2, consent_on: '1.9.2026' is no day. Write it like 2026-11-27",
    ),
    ("2026-09-01", "2027-09-01", "Consent was given before now; correct the date."),
    ("paper", "telepathy", "one of these ways: paper, spoken, online"),
    ("House 1", "House, 1", "8 cells under 7 headings. Put quotes around a cell with a comma"),
    ("Amal", '"Amal', "Save the list as CSV again"),
]


@pytest.mark.parametrize(("right", "wrong", "words"), MISTAKES)
def test_every_kind_of_mistake_has_its_line_and_cure(right: str, wrong: str, words: str) -> None:
    assert right in RIGHT

    with pytest.raises(BadList) as told:
        read(RIGHT.replace(right, wrong, 1))

    assert words in str(told.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadList) as told:
        read(RIGHT.replace("Amal", ""), RIGHT.replace("paper", ""), RIGHT, RIGHT)

    assert str(told.value).splitlines() == [
        "Nobody was enrolled; 4 to mend:",
        "line 2, name: This is empty. Fill it in, or take the line out.",
        "line 3, consent_how: This is empty. Fill it in, or take the line out.",
        "line 5, name: The same person as in line 4. Take one out, or tell the two apart by their "
        "names.",
        "line 5, uid: The same card as in line 4. Read both cards again.",
    ]


def test_a_flood_of_mistakes_is_told_in_part() -> None:
    with pytest.raises(BadList) as told:
        read(*[RIGHT.replace("Amal", "")] * 80)

    assert "80 to mend" in str(told.value)
    assert str(told.value).endswith("and 30 more.")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "name, household, consent_version, consent_on, consent_how missing"),
        (b"name,colour\nA,b\n", "'colour' unknown"),
        ((HEAD + ",name\n").encode(), "name twice"),
        (HEAD.encode(), "nobody in this list"),
        (HEAD.encode() + b"\nAm\xe9,H\n", "line 2: This is not UTF-8. Save it as 'CSV UTF-8'."),
    ],
)
def test_what_is_no_list_is_refused_in_words(raw: bytes, words: str) -> None:
    with pytest.raises(BadList) as told:
        lists.read(raw, now_s=START_S)

    assert words in str(told.value)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode()))
def test_whatever_comes_is_read_or_refused(tail: bytes) -> None:
    for raw in (tail, HEAD.encode() + b"\n" + tail):
        try:
            entries = lists.read(raw, now_s=START_S)
        except BadList:
            continue
        assert all(each.name and each.household for each in entries)
