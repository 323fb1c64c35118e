"""The display: an SSD1306 of 128x64 dots over I2C, the pictures that go on it, and the buzzer.

Pictures are drawn beforehand (pictures.py). A word that has none, because the file is damaged, is
shown by its own name in plain letters, so that the bin never stays silent about what it does.
"""

import asyncio

from firmware import pictures
from firmware.errors import PictureFault

ADDRESS = 0x3C
DOTS = pictures.WIDTH * pictures.PAGES
# SSD1306 data sheet, section 10: horizontal addressing, 1/64 duty, COM pins 0x12, charge pump on,
# then the window: columns 0 to 127, pages 0 to 7. Sent with every picture: a display that lost its
# power for a moment answers as before and shows nothing.
_SET_UP = bytes.fromhex("2000a83fd30040a1c8da1281cfd9f1db30a4a68d1421007f220007")
_ON, _OFF = b"\xaf", b"\xae"
# On and off in turn, in milliseconds: one long beep is well, three short ones are not.
BEEPS = {pictures.GOOD: (150,), pictures.BAD: (80, 80, 80, 80, 80)}


class SSD1306:
    def __init__(self, i2c) -> None:
        self._i2c = i2c
        # One buffer for ever: a crowded heap may have no such room left when a word is due.
        self._sent = bytearray(b"\x40") + bytearray(DOTS)
        self.dots = memoryview(self._sent)[1:]

    def refresh(self) -> None:
        """Show the dots. Raises OSError if nobody answers on the bus."""
        self._command(_SET_UP)
        self._i2c.writeto(ADDRESS, self._sent)
        self._command(_ON)

    def dark(self) -> None:
        """Switch the panel off until the next picture."""
        self._command(_OFF)

    def _command(self, data: bytes) -> None:
        self._i2c.writeto(ADDRESS, b"\x00" + data)


class Buzzer:
    """A buzzer with an oscillator of its own behind one pin."""

    def __init__(self, pin) -> None:
        self._pin = pin
        self._beeping = None

    def play(self, tone: int) -> None:
        """Beep while everything else goes on; a new tone ends the one before."""
        if tone in BEEPS:
            if self._beeping is not None:
                self._beeping.cancel()
            self._beeping = asyncio.create_task(self._beep(BEEPS[tone]))

    async def _beep(self, pattern: tuple) -> None:
        try:
            for i, ms in enumerate(pattern):
                self._pin(1 - i % 2)
                await asyncio.sleep_ms(ms)
        finally:
            self._pin(0)


class Display:
    """Shows words, amounts with `scale` decimals, and sounds the tone that belongs to each.

    `say(word, values, lines)` hears each, for a voice or a simulated board.
    """

    def __init__(self, screen: SSD1306, words, scale: int, say, buzzer=None) -> None:
        self._screen = screen
        self._pictures = words
        self._scale = scale
        self._say = say
        self._buzzer = buzzer
        self.failures = 0

    def show(self, word: str, values: tuple = ()) -> None:
        """Show a word; values are its weight, credit and balance, as far as it has them."""
        shown = pictures.numbers(values, self._scale)
        try:
            tone, lines = self._pictures.draw(self._screen.dots, word, shown)
        except PictureFault:
            tone, lines = pictures.SILENT, [word.replace("_", " "), " ".join(shown)]
            _plain(self._screen.dots, lines)
            self.failures += 1
        try:
            self._screen.refresh()
        except OSError:
            self.failures += 1  # a dark display does not stop the weighing
        if self._buzzer is not None:
            self._buzzer.play(tone)
        self._say(word, values, lines)

    def dark(self) -> None:
        """Show nothing until the next word."""
        try:
            self._screen.dark()
        except OSError:
            self.failures += 1


def _plain(dots: memoryview, lines: list) -> None:
    import framebuf

    frame = framebuf.FrameBuffer(dots, pictures.WIDTH, 8 * pictures.PAGES, framebuf.MONO_VLSB)
    frame.fill(0)
    for row, line in enumerate(lines):
        frame.text(line, 0, 16 + 24 * row)
