"""MFRC522 card reader over SPI, register by register (NXP data sheet MFRC522 rev. 3.9).

The antenna is on only while a card is looked for. A chip that answers with another version, or
has lost what it was set to, is reset through its RST line: a reader that hung is what users
report most. It reads numbers alone; for secure cards there is the PN532.
"""

from firmware.errors import ReaderDead, ReaderFault, TwoCards
from firmware.reader import iso14443

COMMAND, COM_IRQ, ERROR = 0x01, 0x04, 0x06
FIFO_DATA, FIFO_LEVEL, BIT_FRAMING = 0x09, 0x0A, 0x0D
MODE, TX_CONTROL, TX_ASK = 0x11, 0x14, 0x15
T_MODE, T_PRESCALER, T_RELOAD_HIGH, T_RELOAD_LOW = 0x2A, 0x2B, 0x2C, 0x2D
VERSION = 0x37

IDLE, TRANSCEIVE, SOFT_RESET = 0x00, 0x0C, 0x0F
VERSIONS = (0x88, 0x90, 0x91, 0x92, 0xB2)  # 0x91 and 0x92 are NXP's, the others known clones
RX_IRQ, IDLE_IRQ, TIMER_IRQ = 0x20, 0x10, 0x01
COLLISION, BAD = 0x08, 0x13  # ErrorReg: collision; buffer overflow, parity, protocol
START_SEND, FLUSH = 0x80, 0x80
POLLS = 2000  # the chip's own timer ends a wait after 25 ms, this only if the chip is dead

# Timer 25 ms after the end of sending; 100 % ASK; CRC preset 0x6363.
_SETTINGS = (
    (T_MODE, 0x80),
    (T_PRESCALER, 0xA9),
    (T_RELOAD_HIGH, 0x03),
    (T_RELOAD_LOW, 0xE8),
    (TX_ASK, 0x40),
    (MODE, 0x3D),
)


class MFRC522:
    """Reads card numbers; `spi`, `cs` and `rst` are the board's."""

    def __init__(self, spi, cs, rst) -> None:
        self._spi = spi
        self._cs = cs
        self._rst = rst
        self._ready = False
        self.resets = 0
        cs(1)

    def uid(self) -> "bytes | None":
        """Return the number of the card in the field, or None if there is none.

        Raises TwoCards, ReaderDead, and ReaderFault for an answer that fails its check.
        """
        self.probe()
        self._write(TX_CONTROL, 0x83)
        try:
            return iso14443.select(self._exchange)
        finally:
            self._write(TX_CONTROL, 0x80)

    def message(self) -> None:
        """A plain reader hears no secure card's message."""

    def release(self) -> None:
        """No card stays selected: the antenna is off after each look."""

    def probe(self) -> bool:
        """Make sure that the chip is there and set up; reset it if not. False if it had to be.

        Raises ReaderDead if that does not help.
        """
        if self._ready and self._is_there():
            return True
        first = self.resets == 0
        self._reset()
        self._ready = self._is_there()
        if not self._ready:
            raise ReaderDead("no MFRC522")
        return first

    def _is_there(self) -> bool:
        """A chip that restarted by itself has the right version and the wrong settings."""
        return self._read(VERSION) in VERSIONS and self._read(TX_ASK) == 0x40

    def _reset(self) -> None:
        self.resets += 1
        self._rst(0)
        self._rst(1)
        self._write(COMMAND, SOFT_RESET)
        for _ in range(POLLS):
            if not self._read(COMMAND) & 0x10:  # power down ends when the oscillator runs
                break
        for register, value in _SETTINGS:
            self._write(register, value)

    def _exchange(self, frame: bytes, bits: int) -> "bytes | None":
        self._write(COMMAND, IDLE)
        self._write(COM_IRQ, 0x7F)
        self._write(FIFO_LEVEL, FLUSH)
        self._write(FIFO_DATA, frame)
        self._write(COMMAND, TRANSCEIVE)
        self._write(BIT_FRAMING, START_SEND | bits)
        irq = self._wait()
        self._write(BIT_FRAMING, 0)
        if irq & TIMER_IRQ:
            return None
        error = self._read(ERROR)
        if error & COLLISION:
            raise TwoCards()
        if error & BAD:
            raise ReaderFault("error register " + hex(error))
        return bytes([self._read(FIFO_DATA) for _ in range(self._read(FIFO_LEVEL))])

    def _wait(self) -> int:
        for _ in range(POLLS):
            irq = self._read(COM_IRQ)
            if irq & (RX_IRQ | IDLE_IRQ | TIMER_IRQ):
                return irq
        self._ready = False
        raise ReaderFault("no answer from the chip")

    def _write(self, register: int, value) -> None:
        data = bytes([value]) if type(value) is int else value
        self._cs(0)
        self._spi.write(bytes([register << 1]) + data)
        self._cs(1)

    def _read(self, register: int) -> int:
        answer = bytearray(2)
        self._cs(0)
        self._spi.write_readinto(bytes([0x80 | register << 1, 0]), answer)
        self._cs(1)
        return answer[1]
