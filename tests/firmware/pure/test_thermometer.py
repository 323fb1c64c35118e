"""Degrees from the thermometer's register, and nothing from whatever else answers."""

from firmware.boards.simwarm import SimBus, SimMCP9808
from firmware.thermometer import MCP9808


class Air:
    """A thermometer in air of `temp_c` degrees."""

    def __init__(self, temp_c=20.0):
        self.temp_c = temp_c
        self.chip = SimMCP9808(lambda: self.temp_c)
        self.thermometer = MCP9808(SimBus(None, self.chip))

    def says(self):
        return self.thermometer.temp_c10()


def test_degrees_are_read_on_both_sides_of_zero():
    # The first four are the data sheet's own words for the register.
    for register, temp_c10 in (
        (b"\xc1\x94", 253),  # 25.25
        (b"\x00\x01", 1),  # one sixteenth
        (b"\x1f\xff", -1),
        (b"\xc7\xd0", 1250),
        (b"\x3e\x70", -250),
        (b"\x1d\x80", -400),
    ):
        air = Air()
        air.chip.register = lambda number, raw=register: raw if number == 5 else b"\x00\x54"
        assert air.says() == temp_c10, register
    for temp_c10 in (-400, -101, -100, -1, 0, 1, 55, 205, 399, 850):
        assert Air(temp_c10 / 10).says() == temp_c10


def test_unplugged_thermometer_says_nothing_and_speaks_when_it_is_back():
    air = Air(31.5)
    air.chip.present = False
    assert air.says() is None
    air.chip.present = True
    assert air.says() == 315


def test_another_chip_and_impossible_degrees_are_no_temperature():
    air = Air()
    air.chip.manufacturer = b"\x00\x00"
    assert air.says() is None
    for temp_c in (-41.0, 126.0):
        assert Air(temp_c).says() is None
