"""The chips around the board, as their data sheets describe them: HX711, MFRC522, SSD1306, pins.

They see what real ones would see, pin levels, register bytes and I2C writes, at simulated times.
"""

from firmware.boards.simcard import COLLIDED

PIN_US, BYTE_US = 1, 8  # a pin takes a microsecond, a byte on the bus eight
CONVERSION_US = 100000
POWER_DOWN_US = 60
CHANNEL_B = 1234  # counts of an input that nothing is wired to


class Pin:
    """A level that may be set and read, and tells `changed(level)`."""

    def __init__(self, level: int = 0, changed=None) -> None:
        self.level = level
        self._changed = changed

    def __call__(self, level: "int | None" = None) -> int:
        if level is not None and level != self.level:
            self.level = level
            if self._changed is not None:
                self._changed(level)
        return self.level


class SimHX711:
    """A 24-bit converter that ends a conversion every 100 ms; `raw()` is what it converts.

    Pulses choose the next conversion: 25 channel A at gain 128, 26 channel B, 27 gain 64; more or
    fewer confuse it until it is powered down. `edges()` is how many edges it takes a rise for.
    """

    def __init__(self, clock, raw) -> None:
        self._clock = clock
        self._raw = raw
        self._read = 0  # number of the last conversion that was clocked out
        self._awake_us = 0
        self._shift = 0
        self._pulses = 25
        self._gain = 25
        self._rose_us = 0
        self._level = 0
        self.edges = _one
        self.settles_silently = True  # DOUT stays high while channel or power-up settle
        self._settled_us = 0  # what it converts before is not the load yet, if it is not silent

    def dout(self) -> int:
        self._clock.spend(PIN_US)
        if 0 < self._pulses < 25:
            return self._shift >> (24 - self._pulses) & 1
        return 0 if self._ready() else 1

    def sck(self, level: int) -> None:
        self._clock.spend(PIN_US)
        now_us = self._clock.now_us
        if level and not self._level:
            self._rose_us = now_us
            for _ in range(self.edges()):
                self._pulse()
        elif self._level and not level and now_us - self._rose_us > POWER_DOWN_US:
            self._settled_us, self._pulses = now_us + 4 * CONVERSION_US, 25
            self._awake_us = self._settled_us if self.settles_silently else now_us
            self._gain = 25
        self._level = level

    def _ready(self) -> bool:
        now_us = self._clock.now_us
        if self._pulses in (26, 27) or self._pulses == 25 != self._gain:
            self._choose(now_us)
        awake = now_us >= self._awake_us and 25 <= self._pulses <= 27
        return awake and now_us // CONVERSION_US > self._read

    def _choose(self, now_us: int) -> None:
        """Take the number of pulses for a choice once they have ended."""
        if self._pulses != self._gain and now_us - self._rose_us > 1000:
            self._gain = self._pulses
            if self.settles_silently:
                self._awake_us = self._rose_us + 4 * CONVERSION_US

    def _pulse(self) -> None:
        if self._ready():
            self._read = self._clock.now_us // CONVERSION_US
            self._shift = self._converted() & 0xFFFFFF
            self._pulses = 0
        self._pulses += 1

    def _converted(self) -> int:
        if self._gain == 26:
            return CHANNEL_B
        settling = self._clock.now_us < self._settled_us
        return self._raw() // (2 if self._gain == 27 or settling else 1)


def _one() -> int:
    return 1


class SimMFRC522:
    """The reader's registers, FIFO, timer and Transceive command behind an SPI bus.

    `field(frame, bits)` is what the cards in the antenna's field answer: bytes, None or COLLIDED.
    """

    COMMAND, COM_IRQ, ERROR, FIFO_DATA, FIFO_LEVEL = 0x01, 0x04, 0x06, 0x09, 0x0A
    BIT_FRAMING, TX_CONTROL, PRESCALER, RELOAD, VERSION = 0x0D, 0x14, 0x2B, 0x2C, 0x37

    def __init__(self, clock, field) -> None:
        self._clock = clock
        self._field = field
        self.version = 0x92
        self._reset()

    def power(self, level: int) -> None:
        """The RST line: a rise starts the chip anew."""
        if level:
            self._reset()

    def write(self, data: bytes) -> None:
        self._clock.spend(BYTE_US * len(data))
        for byte in data[1:]:
            self._set(data[0] >> 1 & 0x3F, byte)

    def write_readinto(self, data: bytes, answer: bytearray) -> None:
        self._clock.spend(BYTE_US * len(data))
        for i in range(1, len(data)):
            answer[i] = self._get(data[i - 1] >> 1 & 0x3F)

    def _reset(self) -> None:
        self._registers = bytearray(64)
        self._registers[self.VERSION] = self.version
        self._fifo = []
        self._timer_us = None

    def _set(self, register: int, value: int) -> None:
        if register == self.FIFO_DATA:
            self._fifo.append(value)
        elif register == self.FIFO_LEVEL:
            self._fifo = [] if value & 0x80 else self._fifo
        elif register == self.COM_IRQ:
            self._registers[register] &= ~value & 0x7F
        elif register == self.COMMAND and value == 0x0F:
            self._reset()
        else:
            self._registers[register] = value
        if register == self.TX_CONTROL and not value & 3:
            self._field(None, 0)  # without a field a card forgets what was said
        if register == self.BIT_FRAMING and value & 0x80 and self._registers[self.COMMAND] == 0x0C:
            self._transceive(value & 7)

    def _get(self, register: int) -> int:
        if register == self.FIFO_DATA:
            return self._fifo.pop(0) if self._fifo else 0
        if register == self.FIFO_LEVEL:
            return len(self._fifo)
        if register == self.COM_IRQ and self._timer_us is not None:
            self._clock.spend(500)  # stands for the many polls that a real wait takes
            if self._clock.now_us >= self._timer_us:
                self._registers[self.COM_IRQ] |= 0x01
        return self._registers[register]

    def _transceive(self, bits: int) -> None:
        on = self._registers[self.TX_CONTROL] & 3
        answer = self._field(bytes(self._fifo), bits) if on else None
        self._fifo, self._timer_us, self._registers[self.ERROR] = [], None, 0
        if answer is None:
            reload = self._registers[self.RELOAD] << 8 | self._registers[self.RELOAD + 1]
            tick_us = (2 * self._registers[self.PRESCALER] + 1) * 1000 // 13560
            self._timer_us = self._clock.now_us + reload * tick_us
        elif answer == COLLIDED:
            self._registers[self.ERROR], self._registers[self.COM_IRQ] = 0x08, 0x20
        else:
            self._fifo, self._registers[self.COM_IRQ] = list(answer), 0x30


class SimSSD1306:
    """An I2C bus with the display, and perhaps a thermometer, on it.

    Of the display: commands, addressing window and display memory.
    Section 9 of the data sheet. `dots` is what a person sees: nothing while the panel is off or
    its charge pump is.
    """

    ARGUMENTS = {0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1}
    ARGUMENTS.update({0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1})

    def __init__(self) -> None:
        self.memory = bytearray(1024)
        self.present = True
        self.temp_c = None
        self.reset()

    def reset(self) -> None:
        """Lose the power for a moment: the memory holds anything, every register its default."""
        for i in range(1024):
            self.memory[i] = i * 37 & 0xFF
        self._on = self._pumps = self._horizontal = False
        self._columns, self._pages = (0, 127), (0, 7)
        self._column = self._page = 0

    @property
    def dots(self) -> bytes:
        return bytes(self.memory) if self._on and self._pumps else bytes(1024)

    def readfrom_mem(self, address: int, register: int, length: int) -> bytes:
        """Answer as an MCP9808 (Microchip DS25095) in air of `temp_c`; None is none there."""
        if address != 0x18 or self.temp_c is None:
            raise OSError(19)
        if register == 0x06:
            return b"\x00\x54"
        # Above its limit of 0 degrees, which nobody has set, it raises two alarm flags.
        flags = 0xC000 if self.temp_c > 0 else 0x2000
        return (round(16 * self.temp_c) & 0x1FFF | flags).to_bytes(length, "big")

    def writeto(self, address: int, data: bytes) -> None:
        if address != 0x3C or not self.present:
            raise OSError(19)  # ENODEV, what the bus says when nobody answers
        if data[0] == 0x40:
            self._data(memoryview(data)[1:])
        elif data[0] == 0x00:
            self._commands(data[1:])

    def _commands(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            command = data[at]
            wanted = self.ARGUMENTS.get(command, 0)
            self._command(command, data[at + 1 : at + 1 + wanted])
            at += 1 + wanted

    def _command(self, command: int, given: bytes) -> None:
        if command in (0xAE, 0xAF):
            self._on = command == 0xAF
        elif command == 0x8D:
            self._pumps = given == b"\x14"
        elif command == 0x20:
            self._horizontal = given == b"\x00"
        elif command == 0x21:
            self._columns, self._column = tuple(given), given[0]
        elif command == 0x22:
            self._pages, self._page = tuple(given), given[0]

    def _data(self, data: memoryview) -> None:
        whole = (self._columns, self._pages, self._column, self._page) == ((0, 127), (0, 7), 0, 0)
        if whole and self._horizontal and len(data) == 1024:
            self.memory[:] = data
            return
        for byte in data:
            self.memory[128 * self._page + self._column] = byte
            self._column += 1
            if self._column > self._columns[1]:
                self._column = self._columns[0]
                if self._horizontal:
                    self._page = self._pages[0] if self._page == self._pages[1] else self._page + 1
