"""The words fit the display and exist in every language."""

from firmware import contract, words

ROW = 16  # characters of 8 dots on 128


def test_every_outcome_of_the_contract_has_words():
    assert set(contract.OUTCOMES) <= set(words.WORDS)


def test_every_word_has_two_lines_in_every_language():
    for word in words.WORDS:
        for language in words.LANGUAGES:
            lines = words.lines(word, language, (12345, 678, 90123))
            assert len(lines) == 2
            assert "{" not in "".join(lines)


def test_english_fits_sixteen_characters():
    for word in words.WORDS:
        for line in words.lines(word, "en", (1234, 123, 12345)):
            assert len(line) <= ROW, line


def test_unknown_balance_is_a_dash():
    assert words.lines("credited", "en", (5, 6, None))[1] == "Balance -"


def test_amounts_are_shown_as_people_read_them():
    assert words.lines("credited", "en", (2200, 55, 1234), 2) == ["2200 g: +0.55", "Balance 12.34"]
    assert words.amount(5, 3) == "0.005"
    assert words.amount(-120, 2) == "-1.20"
    assert words.amount(7, 0) == "7"
