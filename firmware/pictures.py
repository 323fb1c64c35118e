"""Pictures of words, drawn beforehand into one file a language and read from flash strip by strip.

No letter is shaped here and no text is kept in memory. A file (farz/lettering.py writes it) holds:
a head; for each size of digits, first Latin and then the language's own, where each glyph lies;
for each word its tone, its sign and two lines; the strips. A line is its text and one or two
variants, wide and narrow: runs from left to right, each a strip or the place of a number.
A strip is `width` columns of four pages, as the display's memory has them (bit 0 on top).
"""

import struct

from firmware.errors import PictureFault

WIDTH, PAGES = 128, 8
HALF = PAGES // 2  # pages of a line, of a sign and of every strip
SIGN = 28  # columns that the sign takes from the first line
MAGIC = b"FRZ2"
HEAD, WORD, RUN, GLYPH = "<4sBBBBH", "<20sBHHH", "<BBH", "<HB"
GLYPHS = "0123456789.-+#"  # decimal sign as the language writes it; # says: too long to show
SIGNED = 0x80  # of a run's kind: a plus goes before the number
SILENT, GOOD, BAD = 0, 1, 2  # what the buzzer says with a word


def path(language: str) -> str:
    """Return where the pictures of a language lie: beside the program."""
    return __file__.rsplit("/", 1)[0] + "/frames/" + language + ".bin"


def amount(minor: "int | None", scale: int) -> str:
    """Return minor units as people read them; a dash if they are not known."""
    if minor is None:
        return "-"
    digits = str(abs(minor))
    digits = "0" * (scale + 1 - len(digits)) + digits
    text = digits[:-scale] + "." + digits[-scale:] if scale else digits
    return "-" + text if minor < 0 else text


def numbers(values: tuple, scale: int) -> list:
    """Return the texts of weight, credit and balance, as far as they were given."""
    grams = ["-" if value is None else str(value) for value in values[:1]]
    return grams + [amount(value, scale) for value in values[1:]]


class Pictures:
    """The words of one language. `own_digits`: with the language's digits instead of 0 to 9."""

    def __init__(self, path: str, own_digits: bool = False) -> None:
        self._path = path
        self._own_digits = own_digits

    def draw(self, dots: memoryview, word: str, shown: list) -> tuple:
        """Draw a word with its numbers into 1,024 bytes of dots; return (tone, two lines of text).

        Raises PictureFault if the file does not hold that word.
        """
        try:
            with open(self._path, "rb") as file:
                return _Drawing(file, dots, shown, self._own_digits).draw(word)
        except (OSError, ValueError, IndexError) as error:
            raise PictureFault(repr(error))


class _Drawing:
    """One picture being put together."""

    def __init__(self, file, dots: memoryview, shown: list, own_digits: bool) -> None:
        self._file = file
        self._dots = memoryview(dots)
        self._shown = shown
        for i in range(len(dots)):
            dots[i] = 0
        head = self._take(0, HEAD)
        if head[0] != MAGIC:
            raise ValueError("not a file of pictures")
        self._leftward, self._sizes, sets, self._count = head[1], head[2], head[3], head[5]
        self._first = self._sizes if own_digits and sets > 1 else 0
        self._words = struct.calcsize(HEAD) + self._sizes * sets * len(GLYPHS) * 3

    def draw(self, word: str) -> tuple:
        tone, sign, *lines = self._find(word)
        self._strip(WIDTH - SIGN + 4 if self._leftward else 0, 0, SIGN - 4, sign)
        return tone, [self._line(HALF * i, at) for i, at in enumerate(lines)]

    def _find(self, word: str) -> tuple:
        wanted = word.encode()
        for i in range(self._count):
            row = self._take(self._words + i * struct.calcsize(WORD), WORD)
            if row[0].rstrip(b"\0") == wanted:
                return row[1:]
        raise ValueError("no picture of " + word)

    def _line(self, page: int, at: int) -> str:
        """Draw a line at a page, and return its text."""
        length, variants = self._take(at, "<BB")
        text = self._file.read(length).decode()
        room = WIDTH if page else WIDTH - SIGN
        for i in range(variants):
            runs, width = self._runs(i == variants - 1, room)
            if width <= room:
                break
        x = room - width if self._leftward else WIDTH - room
        for columns, place in runs:
            self._strip(x, page, columns, place)
            x += columns
        for name, shown in zip("gcb", self._shown):
            text = text.replace("{" + name + "}", shown)
        return text

    def _runs(self, last: bool, room: int) -> tuple:
        """Return the strips [(width, place)] of the variant that stands next, and their width.

        In the last one a number that makes it too wide becomes a #, never a shorter number.
        """
        size, count = struct.unpack("<BB", self._file.read(2))
        rows = [struct.unpack(RUN, self._file.read(4)) for _ in range(count)]
        after = self._file.tell()
        texts = [self._number(kind) if kind else None for kind, _, _ in rows]
        strips = self._strips(size, rows, texts)
        if last and _width(strips) > room:
            strips = self._strips(size, rows, [text and "#" for text in texts])
        self._file.seek(after)
        return strips, _width(strips)

    def _strips(self, size: int, rows: list, texts: list) -> list:
        strips = []
        for (_, width, place), text in zip(rows, texts):
            strips += [(width, place)] if text is None else [self._glyph(size, c) for c in text]
        return strips

    def _number(self, kind: int) -> str:
        shown = self._shown[(kind & ~SIGNED) - 1]
        return "+" + shown if kind & SIGNED and shown[0] != "-" else shown

    def _glyph(self, size: int, character: str) -> tuple:
        row = (self._first + size) * len(GLYPHS) + GLYPHS.index(character)
        place, width = self._take(struct.calcsize(HEAD) + 3 * row, GLYPH)
        return width, place

    def _strip(self, x: int, page: int, width: int, place: int) -> None:
        self._file.seek(place)
        for i in range(page, page + HALF):
            start = WIDTH * i + x
            self._file.readinto(self._dots[start : start + width])

    def _take(self, at: int, form: str) -> tuple:
        self._file.seek(at)
        return struct.unpack(form, self._file.read(struct.calcsize(form)))


def _width(strips: list) -> int:
    return sum([width for width, _ in strips])
