"""The thermometer at the load cells: an MCP9808 on the display's I2C bus.

Its register holds sixteenths of a degree as a two's complement of 13 bits below three alarm flags
(Microchip data sheet DS25095, ambient temperature register). It is asked each time: a sensor that
was unplugged, or another chip that answers at its address, must not leave an old value standing.
"""

ADDRESS = 0x18
AMBIENT, MANUFACTURER = 0x05, 0x06
MICROCHIP = b"\x00\x54"
LOWEST_C10, HIGHEST_C10 = -400, 1250  # what the chip is made for


class MCP9808:
    def __init__(self, i2c) -> None:
        self._i2c = i2c

    def temp_c10(self) -> "int | None":
        """Return tenths of a degree, or None if there is no answer to trust."""
        try:
            known = self._i2c.readfrom_mem(ADDRESS, MANUFACTURER, 2) == MICROCHIP
            high, low = self._i2c.readfrom_mem(ADDRESS, AMBIENT, 2)
        except OSError:
            return None
        sixteenths = (high & 0x0F) << 8 | low
        if high & 0x10:
            sixteenths -= 0x1000
        temp_c10 = (10 * sixteenths + 8) // 16
        return temp_c10 if known and LOWEST_C10 <= temp_c10 <= HIGHEST_C10 else None
