"""The display's pictures are those of the words, and every refusal has words."""

import ast
from collections.abc import Iterator

import pytest

from farz import lettering
from firmware import station, words
from tests.fixtures.micropython import ROOT

SAYING = ("show", "refused", "trouble")
STATIONS = ("station", "visits", "app")


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_pictures_are_drawn_from_the_words(language: str) -> None:
    kept = (lettering.FRAMES / f"{language}.bin").read_bytes()

    assert lettering.draw(language) == kept, "draw them again: python -m farz.lettering"


def test_same_dots_whoever_draws_them() -> None:
    image = lettering.strip("الرصيد", 18, "ar")
    letters = [lettering.strip(letter, 18, "ar").width for letter in "الرصيد"]

    assert image.width < sum(letters), "letters must be joined, which Raqm does"


def test_everything_that_is_said_has_words() -> None:
    said = set(spoken())

    assert {"two_cards", "journal_full", "card_moved", "scale_failed"} <= said
    assert said <= set(words.WORDS), "write it into firmware/words.py in every language"


def test_no_word_is_drawn_that_nothing_shows() -> None:
    paths = [path for path in (ROOT / "firmware").glob("**/*.py") if path.name != "words.py"]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
    named = {node.value for node in nodes if isinstance(node, ast.Constant)}
    named |= {f"saved_{flag}" for flag in station.TOLD}

    assert set(words.WORDS) <= named


def test_every_row_of_words_has_a_sign_and_three_languages() -> None:
    for word, row in words.WORDS.items():
        assert len(row) == 1 + len(words.LANGUAGES), word
        assert row[0] in lettering.TONES, word
        slots = [sorted(lettering.SLOT.findall(text)) for text in row[1:]]
        assert slots[0] == slots[1] == slots[2], word


def spoken() -> Iterator[str]:
    """Every literal word that the bin's program shows, in whatever file it does."""
    for path in (ROOT / "firmware").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Tuple(elts=[ast.Constant(value=kind), ast.Constant(value=str(word)), *_]):
                    if kind in SAYING and "boards" not in path.parts:
                        yield word
                case ast.Assign(targets=[ast.Name(id="word")], value=value):
                    yield from (
                        each.value
                        for each in (getattr(value, "body", value), getattr(value, "orelse", value))
                        if isinstance(each, ast.Constant) and isinstance(each.value, str)
                    )
                case ast.Call(
                    func=ast.Attribute(attr="show" | "_trouble" | "_miss"),
                    args=[ast.Constant(value=str(word)), *_],
                ):
                    yield word
