"""Degrees from the thermometer's register, and nothing from whatever else answers."""

from firmware.boards.simchips import SimSSD1306
from firmware.thermometer import MCP9808


class Register:
    """A bus whose chip says fixed bytes for a temperature."""

    def __init__(self, raw, maker=b"\x00\x54"):
        self.raw, self.maker = raw, maker

    def readfrom_mem(self, address, register, length):
        return {5: self.raw, 6: self.maker}[register]


def said(temp_c):
    bus = SimSSD1306()
    bus.temp_c = temp_c
    return MCP9808(bus).temp_c10()


def test_degrees_are_read_on_both_sides_of_zero():
    for register, temp_c10 in (
        (b"\xc1\x94", 253),  # 25.25
        (b"\x00\x01", 1),  # one sixteenth
        (b"\x1f\xff", -1),
        (b"\xc7\xd0", 1250),
        (b"\x3e\x70", -250),
        (b"\x1d\x80", -400),
    ):
        assert MCP9808(Register(register)).temp_c10() == temp_c10, register
    for temp_c10 in (-400, -101, -100, -1, 0, 1, 55, 205, 399, 850):
        assert said(temp_c10 / 10) == temp_c10


def test_unplugged_thermometer_says_nothing():
    assert said(None) is None


def test_another_chip_and_impossible_degrees_are_no_temperature():
    assert MCP9808(Register(b"\xc1\x94", b"\x00\x00")).temp_c10() is None
    for temp_c in (-41.0, 126.0):
        assert said(temp_c) is None
