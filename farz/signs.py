"""The signs beside the display's words, 24 dots square, and the sound that each one comes with."""

from collections.abc import Callable

from PIL import Image, ImageDraw

from firmware.pictures import BAD, GOOD, SILENT

SIDE, HEIGHT = 24, 32
Draw = ImageDraw.ImageDraw


def sign(name: str) -> Image.Image:
    """A sign as a strip of the display: 24 columns, 32 rows, the sign in the middle."""
    square = Image.new("1", (SIDE, SIDE))
    SIGNS[name](ImageDraw.Draw(square))
    strip = Image.new("1", (SIDE, HEIGHT))
    strip.paste(square, (0, (HEIGHT - SIDE) // 2))
    return strip


def _wait(d: Draw) -> None:
    d.line([(5, 2), (18, 2)], 1, 2)
    d.line([(5, 21), (18, 21)], 1, 2)
    d.line([(6, 3), (17, 20), (6, 20), (17, 3)], 1)
    d.polygon([(8, 20), (15, 20), (11, 15)], 1)
    d.polygon([(9, 7), (14, 7), (11, 11)], 1)


def _card(d: Draw) -> None:
    d.rounded_rectangle([1, 8, 15, 21], 2, None, 1)
    d.rectangle([3, 12, 7, 15], 1)
    d.line([(3, 18), (12, 18)], 1)
    for radius in (3, 7, 11):
        d.arc([12 - radius, 9 - radius, 12 + radius, 9 + radius], 285, 20, 1, 2)


def _bin(d: Draw) -> None:
    d.polygon([(5, 12), (18, 12), (16, 23), (7, 23)], None, 1)
    for x in (9, 12, 15):
        d.line([(x, 14), (x, 21)], 1)


def _open(d: Draw) -> None:
    _bin(d)
    d.line([(4, 10), (16, 3)], 1, 2)
    d.polygon([(20, 1), (23, 5), (17, 5)], 1)
    d.line([(20, 5), (20, 10)], 1, 2)


def _close(d: Draw) -> None:
    _bin(d)
    d.line([(3, 10), (20, 10)], 1, 2)
    d.line([(11, 0), (11, 4)], 1, 2)
    d.polygon([(8, 4), (15, 4), (11, 8)], 1)


def _full(d: Draw) -> None:
    d.polygon([(5, 10), (18, 10), (16, 23), (7, 23)], 1)
    d.line([(3, 7), (20, 7)], 1, 2)
    d.line([(11, 0), (11, 3)], 1, 2)


def _check(d: Draw) -> None:
    d.ellipse([1, 1, 22, 22], None, 1)
    d.line([(6, 12), (10, 16), (17, 7)], 1, 3)


def _cross(d: Draw) -> None:
    d.ellipse([1, 1, 22, 22], None, 1)
    d.line([(7, 7), (16, 16)], 1, 3)
    d.line([(7, 16), (16, 7)], 1, 3)


def _help(d: Draw) -> None:
    d.ellipse([1, 1, 22, 22], None, 1)
    d.arc([7, 5, 16, 13], 180, 80, 1, 2)
    d.line([(11, 12), (11, 15)], 1, 2)
    d.rectangle([11, 18, 12, 19], 1)


def _coin(d: Draw) -> None:
    for y in (19, 15, 11):
        d.ellipse([1, y - 3, 14, y + 3], 0, 1)
    d.line([(18, 3), (18, 11)], 1, 3)
    d.line([(14, 7), (22, 7)], 1, 3)


def _eye(d: Draw) -> None:
    d.arc([-1, 6, 24, 26], 205, 335, 1, 2)
    d.arc([-1, -3, 24, 17], 25, 155, 1, 2)
    d.ellipse([8, 8, 15, 15], 1)


def _clock(d: Draw) -> None:
    d.ellipse([1, 1, 22, 22], None, 1, 2)
    d.line([(11, 5), (11, 12), (16, 15)], 1, 2)


def _battery(d: Draw) -> None:
    d.rectangle([1, 7, 19, 17], None, 1)
    d.rectangle([20, 10, 22, 14], 1)
    d.rectangle([3, 9, 5, 15], 1)


def _lock(d: Draw) -> None:
    d.rectangle([4, 11, 19, 22], 1)
    d.arc([7, 2, 16, 16], 180, 0, 1, 2)
    d.line([(11, 14), (11, 18)], 0, 2)


def _tool(d: Draw) -> None:
    d.line([(4, 20), (14, 10)], 1, 4)
    d.ellipse([11, 2, 21, 12], 1)
    d.polygon([(16, 7), (24, 0), (18, -1)], 0)
    d.polygon([(15, 8), (17, 3), (23, 3), (21, 8)], 0)


SIGNS: dict[str, Callable[[Draw], None]] = {
    "battery": _battery,
    "card": _card,
    "check": _check,
    "clock": _clock,
    "close": _close,
    "coin": _coin,
    "cross": _cross,
    "eye": _eye,
    "full": _full,
    "help": _help,
    "lock": _lock,
    "open": _open,
    "tool": _tool,
    "wait": _wait,
}
_SOUNDS = {"check": GOOD, "coin": GOOD, "cross": BAD, "full": BAD, "battery": BAD, "lock": BAD}
TONES = {name: _SOUNDS.get(name, SILENT) for name in SIGNS}
