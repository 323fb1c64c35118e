"""The display: an SSD1306 of 128x64 dots over I2C, and the words that go on it.

framebuf draws English only; Arabic needs shapes drawn beforehand, so until the bin carries them
an Arabic bin shows English dots while `say` hears the word itself.
"""

import framebuf

from firmware import words

WIDTH, HEIGHT, ADDRESS = 128, 64, 0x3C
# SSD1306 data sheet, section 10: horizontal addressing, 1/64 duty, COM pins 0x12, charge pump on.
_SET_UP = bytes.fromhex("ae2000a83fd30040a1c8da1281cfd9f1db30a4a68d14af")
_WHOLE = bytes.fromhex("21007f220007")  # columns 0 to 127, pages 0 to 7


class SSD1306:
    def __init__(self, i2c) -> None:
        self._i2c = i2c
        self._dots = bytearray(WIDTH * HEIGHT // 8)
        self._frame = framebuf.FrameBuffer(self._dots, WIDTH, HEIGHT, framebuf.MONO_VLSB)
        self._ready = False

    def draw(self, lines: list) -> None:
        """Show lines of at most 16 characters. Raises OSError if nobody answers on the bus."""
        if not self._ready:
            self._command(_SET_UP)
        self._ready = False  # a display that stops answering is set up anew
        self._frame.fill(0)
        for row, line in enumerate(lines):
            self._frame.text(line, 0, 16 + 24 * row)
        self._command(_WHOLE)
        self._i2c.writeto(ADDRESS, b"\x40" + self._dots)
        self._ready = True

    def _command(self, data: bytes) -> None:
        self._i2c.writeto(ADDRESS, b"\x00" + data)


class Display:
    """Shows words, amounts with `scale` decimals.

    `say(word, values, lines)` hears each, for a voice or a simulated board.
    """

    def __init__(self, screen: SSD1306, language: str, scale: int, say) -> None:
        self._screen = screen
        self._language = language
        self._scale = scale
        self._say = say
        self.failures = 0

    def show(self, word: str, values: tuple = ()) -> None:
        try:
            self._screen.draw(words.lines(word, "en", values, self._scale))
        except OSError:
            self.failures += 1  # a dark display does not stop the weighing
        self._say(word, values, words.lines(word, self._language, values, self._scale))
