"""Draw the words of the bin's display: `python -m farz.lettering` writes firmware/frames.

Letters are shaped here (Pillow with Raqm) and never on the bin: firmware/pictures.py says what the
files hold and reads them. `--png DIR` also shows every word as the bin will show it. The same
Pillow and fonts draw the same dots, so a test draws again and compares.
"""

import argparse
import math
import re
import struct
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont, features

from farz.processes import ROOT
from farz.signs import TONES, sign
from firmware import pictures as p
from firmware import words as w

FRAMES = ROOT / "firmware" / "frames"
LATIN = ROOT / "farz/fonts/noto-sans-latin-600.woff2"
ARABIC_BOLD = ROOT / "dashboards/static/fonts/noto-sans-arabic-700.woff2"
ARABIC = ROOT / "dashboards/static/fonts/noto-sans-arabic-400.woff2"
SIZES = (18, 16, 15, 14, 13, 12, 11, 10)  # in dots; a line takes the first that fits
BOLD_FROM = 15  # smaller Arabic letters close up when they are bold
HEIGHT, BASELINE = 32, 22
DIGITS = {"latn": "0123456789", "arab": "٠١٢٣٤٥٦٧٨٩"}
POINT = {"en": ".", "ar": ".", "fr": ",", "arab": "٫"}
USUAL = {"g": "88888", "c": "88.88", "b": "888.88"}  # values for which the wide variant is made
SLOT = re.compile(r"(\+?\{[gcb]\})")


class TooHigh(ValueError):
    """Letters that need more than a strip's 32 rows."""


class Line(NamedTuple):
    """One line: its text, and its variants (index of SIZES, runs); a run is a strip or a slot."""

    text: str
    variants: list[tuple[int, list[Image.Image | str]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--png", type=Path, help="also write every word as a picture into DIR")
    asked = parser.parse_args()
    FRAMES.mkdir(exist_ok=True)
    for language in w.LANGUAGES:
        drawn = draw(language)
        (FRAMES / f"{language}.bin").write_bytes(drawn)
        sys.stdout.write(f"{language}: {len(w.WORDS)} words, {len(drawn)} bytes\n")
    if asked.png:
        asked.png.mkdir(parents=True, exist_ok=True)
        for name, image in sheets():
            image.save(asked.png / f"{name}.png")


def draw(language: str) -> bytes:
    """The file of one language."""
    if not features.check("raqm"):
        raise SystemExit("This Pillow has no Raqm and cannot shape Arabic: pip install pillow")
    sets = ["latn", "arab"] if language == "ar" else ["latn"]
    glyphs = [
        glyph(SIZES[i], character)
        for digits in sets
        for i in range(len(SIZES))
        for character in DIGITS[digits] + POINT["arab" if digits == "arab" else language] + "-+#"
    ]
    rows = {
        word: (row[0], [fit(text, language, i) for i, text in enumerate(_lines(row, language))])
        for word, row in sorted(w.WORDS.items())
    }
    leftward = language in w.RIGHT_TO_LEFT
    head = struct.pack(p.HEAD, p.MAGIC, leftward, len(SIZES), len(sets), 0, len(rows))
    return _File(head, glyphs, rows).laid_out()


def _lines(row: tuple[str, ...], language: str) -> list[str]:
    lines: list[str] = row[1 + w.LANGUAGES.index(language)].split("|")
    assert len(lines) == 2, f"{lines}: two lines, please"
    return lines


def fit(text: str, language: str, row: int) -> Line:
    """The line in the largest letters that fit with usual values, and narrow if there are any."""
    room = p.WIDTH if row else p.WIDTH - p.SIGN
    pieces = [piece for piece in SLOT.split(text) if piece]
    if language in w.RIGHT_TO_LEFT:
        pieces.reverse()
    fitting = (i for i, size in enumerate(SIZES) if _width(pieces, size, language) <= room)
    index = next(fitting, None)
    if index is None:
        raise SystemExit(f"{text!r} is too long for a line of {room} dots in {language}.")
    runs = [_run(piece, SIZES[index], language) for piece in pieces]
    variants: list[tuple[int, list[Image.Image | str]]] = [(index, runs)]
    if any(isinstance(run, str) for run in runs) and index < len(SIZES) - 1:
        narrow = [_run(piece, SIZES[-1], language) for piece in pieces]
        variants.append((len(SIZES) - 1, narrow))
    return Line(text, variants)


def _run(piece: str, size: int, language: str) -> Image.Image | str:
    return piece if SLOT.fullmatch(piece) else strip(piece, size, language)


def _width(pieces: list[str], size: int, language: str) -> float:
    """Columns that a line takes with usual values; no end of them if it is too high."""
    try:
        return sum(_usual(_run(piece, size, language), size) for piece in pieces)
    except TooHigh:
        return math.inf


def _usual(run: Image.Image | str, size: int) -> int:
    if not isinstance(run, str):
        return run.width
    value = run[:-3] + USUAL[run[-2]]
    return sum(glyph(size, character).width for character in value)


@cache
def glyph(size: int, character: str) -> Image.Image:
    """A digit or sign; the digits of one size are all equally wide."""
    return strip(character, size, "ar" if ord(character) > 0x600 else "en")


def strip(text: str, size: int, language: str) -> Image.Image:
    """A text as dots, 32 high, shaped as its language wants it."""
    arabic = any(ord(character) >= 0x600 for character in text)
    font = _font(arabic, size)
    shaping: dict[str, Any] = {"language": "ar" if arabic else language}
    shaping["direction"] = "rtl" if arabic else "ltr"
    left, top, right, bottom = font.getbbox(text, mode="1", anchor="ls", **shaping)
    if top < -BASELINE or bottom > HEIGHT - BASELINE:
        raise TooHigh(text)
    start = min(0, math.floor(left))
    width = max(math.ceil(font.getlength(text, **shaping)), math.ceil(right)) - start
    image = Image.new("1", (width, HEIGHT))
    ImageDraw.Draw(image).text((-start, BASELINE), text, 1, font, anchor="ls", **shaping)
    return image


@cache
def _font(arabic: bool, size: int) -> ImageFont.FreeTypeFont:
    path = (ARABIC_BOLD if size >= BOLD_FROM else ARABIC) if arabic else LATIN
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.RAQM)


class _File:
    """Lays out glyphs, words, lines and strips; equal strips are kept once."""

    def __init__(
        self, head: bytes, glyphs: list[Image.Image], rows: dict[str, tuple[str, list[Line]]]
    ) -> None:
        self._head, self._glyphs, self._rows = head, glyphs, rows
        self._places: dict[bytes, int] = {}

    def laid_out(self) -> bytes:
        lines = [line for _, both in self._rows.values() for line in both]
        lengths = [len(self._line(line)) for line in lines]
        index = len(self._head) + 3 * len(self._glyphs)
        index += struct.calcsize(p.WORD) * len(self._rows)
        starts = [index + sum(lengths[:i]) for i in range(len(lines))]
        self._free = index + sum(lengths)
        out = self._head
        for each in self._glyphs:
            out += struct.pack(p.GLYPH, self._place(each), each.width)
        for i, (word, (name, _)) in enumerate(self._rows.items()):
            assert len(word) <= 20, f"{word}: a word's name has 20 letters at most"
            both = starts[2 * i : 2 * i + 2]
            out += struct.pack(p.WORD, word.encode(), TONES[name], self._place(sign(name)), *both)
        out += b"".join(self._line(line) for line in lines)
        return out + b"".join(self._places)

    def _line(self, line: Line) -> bytes:
        text = line.text.encode()
        out = bytes([len(text), len(line.variants)]) + text
        for size, runs in line.variants:
            out += bytes([size, len(runs)]) + b"".join(self._run(run) for run in runs)
        return out

    def _run(self, run: Image.Image | str) -> bytes:
        if isinstance(run, str):
            kind = 1 + "gcb".index(run[-2]) | (p.SIGNED if run[0] == "+" else 0)
            return struct.pack(p.RUN, kind, 0, 0)
        return struct.pack(p.RUN, 0, run.width, self._place(run))

    def _place(self, image: Image.Image) -> int:
        """Where a strip lies; before the places are known, anywhere."""
        if not hasattr(self, "_free"):
            return 0
        dots = pages(image)
        if dots not in self._places:
            self._places[dots] = self._free + sum(map(len, self._places))
        return self._places[dots]


def pages(image: Image.Image) -> bytes:
    """Dots as the SSD1306 keeps them: a byte for eight rows of a column, the top one in bit 0."""
    lit = image.load()
    assert lit is not None
    return bytes(
        sum((1 << bit) for bit in range(8) if lit[x, 8 * page + bit])
        for page in range(image.height // 8)
        for x in range(image.width)
    )


def picture(dots: bytes | bytearray) -> Image.Image:
    """The 128 x 64 picture of 1,024 bytes of dots."""
    image = Image.new("1", (p.WIDTH, 8 * p.PAGES))
    for place, byte in enumerate(dots):
        page, x = divmod(place, p.WIDTH)
        for bit in range(8):
            image.putpixel((x, 8 * page + bit), byte >> bit & 1)
    return image


def sheets() -> Iterator[tuple[str, Image.Image]]:
    """(name, picture) of each language: every word as the bin draws it, three in a row."""
    shown = p.numbers((2210, 55, 12345), 2)
    for language in w.LANGUAGES:
        drawing = p.Pictures(str(FRAMES / f"{language}.bin"))
        rows = math.ceil(len(w.WORDS) / 3)
        sheet = Image.new("1", (3 * 136, rows * 72), 1)
        for i, word in enumerate(w.WORDS):
            dots = bytearray(1024)
            drawing.draw(dots, word, shown)
            sheet.paste(picture(dots), (4 + i % 3 * 136, 4 + i // 3 * 72))
        yield language, sheet.resize((sheet.width * 3, sheet.height * 3))


if __name__ == "__main__":
    main()
