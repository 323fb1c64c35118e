"""The I2C bus with display and thermometer on it, register by register as their data sheets say."""

ENODEV = 19  # what the bus says when nobody answers


class SimMCP9808:
    """Temperature as the chip's registers have it; `temp_c()` is what surrounds it."""

    def __init__(self, temp_c) -> None:
        self._temp_c = temp_c
        self.present = True
        self.manufacturer = b"\x00\x54"

    def register(self, number: int) -> bytes:
        if number == 0x06:
            return self.manufacturer
        if number != 0x05:
            return b"\x00\x00"
        sixteenths = round(16 * self._temp_c()) & 0x1FFF
        # Above its upper limit of 0 degrees, which nobody has set, it raises two alarm flags.
        return (sixteenths | (0xC000 if self._temp_c() > 0 else 0x2000)).to_bytes(2, "big")


class SimBus:
    def __init__(self, display, thermometer) -> None:
        self._display = display
        self._thermometer = thermometer

    def writeto(self, address: int, data: bytes) -> None:
        self._display.writeto(address, data)

    def readfrom_mem(self, address: int, register: int, length: int) -> bytes:
        if address != 0x18 or not self._thermometer.present:
            raise OSError(ENODEV)
        return self._thermometer.register(register)[:length]
