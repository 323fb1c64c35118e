"""The words, and their pictures as the bin reads them."""

from firmware import contract, pictures, words
from firmware.errors import PictureFault
from tests.firmware.raises import raises

USUAL = pictures.numbers((2210, 55, 12345), 2)
LIMITS = ("2000000", "-90071992547409.92", "90071992547409.92")
SIGN_COLUMNS = {"en": (0, 24), "fr": (0, 24), "ar": (104, 128)}


def drawn(word, shown=USUAL, language="en", own_digits=False):
    dots = bytearray(1024)
    dots[:] = b"\xaa" * 1024  # what the picture before it left
    found = pictures.Pictures(pictures.path(language), own_digits).draw(dots, word, shown)
    return bytes(dots), found


def test_every_outcome_of_the_contract_has_words():
    assert set(contract.OUTCOMES) <= set(words.WORDS)


def test_every_word_has_a_picture_of_its_own_in_every_language():
    for language in words.LANGUAGES:
        seen = {}
        for word in words.WORDS:
            dots, (_, lines) = drawn(word, language=language)
            assert dots not in seen, (word, seen.get(dots))
            seen[dots] = word
            assert all(lines), word
            assert "{" not in "".join(lines)
            first, end = SIGN_COLUMNS[language]
            assert any(any(dots[128 * page + first : 128 * page + end]) for page in range(4))


def test_text_of_a_picture_is_the_table_s():
    for word in words.WORDS:
        for language in words.LANGUAGES:
            text = words.WORDS[word][1 + words.LANGUAGES.index(language)]
            for i in range(3):
                text = text.replace("{" + "gcb"[i] + "}", USUAL[i])
            assert "|".join(drawn(word, language=language)[1][1]) == text


def test_numbers_are_drawn_as_they_are():
    saved = drawn("saved", ["1500"])[0]
    assert saved != drawn("saved", ["1501"])[0]
    assert saved[:512] == drawn("saved", ["1501"])[0][:512]
    assert (
        drawn("credited", ["5", "-0.10", "3.00"])[0] != drawn("credited", ["5", "0.10", "3.00"])[0]
    )


def test_digits_may_be_the_language_s_own():
    latin, arabic = [drawn("balance", USUAL, "ar", own)[0] for own in (False, True)]
    assert latin != arabic
    assert latin[:512] == arabic[:512]


def test_number_that_does_not_fit_is_never_shown_shorter():
    for language in words.LANGUAGES:
        for word in words.WORDS:
            drawn(word, LIMITS, language)
    long, longer = [
        drawn("credited", ["2000000", n, n])[0] for n in ("123456789012345.67", "1" * 30)
    ]
    assert long[:512] == longer[:512]
    assert drawn("credited", ["99999", "8888.88", "1.00"])[0][:512] != long[:512]


def test_word_without_a_picture_and_a_damaged_file_are_told_apart_from_pictures():
    raises(PictureFault, drawn, "no such word")
    nowhere = pictures.Pictures("no/such/file")
    raises(PictureFault, nowhere.draw, bytearray(1024), "saved", USUAL)
    other = pictures.Pictures(__file__)
    raises(PictureFault, other.draw, bytearray(1024), "saved", USUAL)


def test_amounts_are_shown_as_people_read_them():
    assert pictures.numbers((2200, 55, None), 2) == ["2200", "0.55", "-"]
    assert pictures.amount(5, 3) == "0.005"
    assert pictures.amount(-120, 2) == "-1.20"
    assert pictures.amount(7, 0) == "7"
