"""Sectors and entries on raw flash, where programming only clears bits and erasing takes 4 KiB.

A sector is a header and entries one after another. An entry is programmed whole, then its mark's
top bit is cleared ("done"): so an entry that fails its CRC was torn by a power cut if it is not
done, and was damaged if it is. The mark becomes zero when the record is settled. The ring knows
nothing of records; journal.py does.
"""

import binascii
import struct
from collections import namedtuple

from firmware.errors import FlashFault

MAGIC = b"FRZ1"
_HEADER = "<4s8sIII8s8sI32s"  # what Header lists, after the magic
HEADER_BYTES = struct.calcsize(_HEADER) + 4  # and its CRC
SUCCESSOR = HEADER_BYTES  # this byte becomes zero once the next sector may hold entries
START = HEADER_BYTES + 4  # first entry; keeps entries on 4-byte words as far as headers go
_HEAD = "<HBBI8sI"  # body length, code, mark, seq, hash8, CRC of it all with mark 0xFF
HEAD_BYTES = struct.calcsize(_HEAD)
LIVE, DONE, SETTLED = 0xFF, 0x7F, 0x00
FREE, TORN, BROKEN = "free", "torn", "broken"  # how a sector's entries end
_ERASE, _COUNT, _SIZE = 6, 4, 5  # ioctl operations of a MicroPython block device
READS = 3  # a worn cell may read differently each time

Header = namedtuple("Header", "epoch number first_seq boot prev fw key_number device")
# The sector before the first one: what a blank flash goes on from.
NOWHERE = Header(bytes(8), -1, 0, 0, bytes(8), bytes(8), 0, "")
Entry = namedtuple("Entry", "at code mark seq hash8 body")


def entry_bytes(body: bytes) -> int:
    """Return the room that an entry takes."""
    return HEAD_BYTES + len(body)


class Ring:
    """Reads and programs a block device (readblocks, writeblocks, ioctl) with byte offsets."""

    def __init__(self, flash) -> None:
        self._flash = flash
        self.sectors = flash.ioctl(_COUNT, 0)
        self.size = flash.ioctl(_SIZE, 0)

    def numbers(self, newest: int):
        """Return the numbers of the sectors that there can be, oldest first."""
        return range(max(0, newest - self.sectors + 1), newest + 1)

    def header(self, number: int) -> "Header | None":
        """Return the header of sector `number`, or None if that sector is not there."""
        for _ in range(READS):
            raw = self._read(number, 0, HEADER_BYTES)
            if binascii.crc32(raw[:-4]) == struct.unpack("<I", raw[-4:])[0]:
                break
        else:
            return None
        if raw[:4] != MAGIC:
            return None
        found = struct.unpack(_HEADER, raw[:-4])
        device = found[8].rstrip(b"\0").decode()
        header = Header(*(list(found[1:8]) + [device]))
        return header if header.number % self.sectors == number % self.sectors else None

    def start(self, header: Header) -> None:
        """Erase a sector and give it a header. The old header goes first, so that a sector
        whose erase was cut can never pass for a sector that was damaged."""
        if not self._blank(header.number, 0):
            self._program(header.number, 0, bytes(HEADER_BYTES))
            try:
                self._flash.ioctl(_ERASE, header.number % self.sectors)
            except OSError as error:
                raise FlashFault(repr(error))
        raw = struct.pack(_HEADER, MAGIC, *header[:7], header.device.encode())
        self._program(header.number, 0, raw + struct.pack("<I", binascii.crc32(raw)))

    def has_successor(self, number: int) -> bool:
        """Tell whether the sector after this one may hold entries."""
        return self._read(number, SUCCESSOR, 1)[0] == 0

    def mark_successor(self, number: int) -> None:
        """Note in a sector that the next one may hold entries from now on."""
        self._program(number, SUCCESSOR, b"\0")

    def entries(self, number: int):
        """Yield the good entries of a sector in order."""
        at = START
        while True:
            entry = self._entry(number, at)
            if entry is None:
                return
            yield entry
            at += entry_bytes(entry.body)

    def ending(self, number: int, at: int) -> str:
        """Tell what stands where a sector's good entries end: FREE, TORN or BROKEN."""
        if at + HEAD_BYTES > self.size or self._blank(number, at):
            return FREE
        return TORN if self._read(number, at + 3, 1)[0] & 0x80 else BROKEN

    def add(self, number: int, at: int, code: int, seq: int, hash8: bytes, body: bytes) -> None:
        """Program one entry and mark it done; on return it is on the flash."""
        crc = _entry_crc(code, seq, hash8, body)
        head = struct.pack(_HEAD, len(body), code, LIVE, seq, hash8, crc)
        self._program(number, at, head + body)
        self.mark(number, at, DONE)

    def kept(self, number: int, at: int) -> bool:
        """Tell whether an entry is whole and done, whatever was said when it was written."""
        entry = self._entry(number, at)
        return entry is not None and entry.mark != LIVE

    def spoil(self, number: int, at: int) -> None:
        """Make sure that an entry that failed is torn, so that it never passes for a record."""
        try:
            self._program(number, at + HEAD_BYTES - 12, bytes(12))  # its hash and its CRC
        except FlashFault:
            pass  # what cannot be programmed is torn already

    def mark(self, number: int, at: int, mark: int) -> None:
        """Clear bits of the mark of the entry at an offset."""
        self._program(number, at + 3, bytes([mark]))

    def _entry(self, number: int, at: int) -> "Entry | None":
        """Return the entry at an offset, or None if it is not whole however often it is read."""
        if at + HEAD_BYTES > self.size:
            return None
        for _ in range(READS):
            entry = self._read_entry(number, at)
            if entry is not None:
                return entry
        return None

    def _read_entry(self, number: int, at: int) -> "Entry | None":
        length, code, mark, seq, hash8, crc = struct.unpack(
            _HEAD, self._read(number, at, HEAD_BYTES)
        )
        if at + HEAD_BYTES + length > self.size:
            return None
        body = self._read(number, at + HEAD_BYTES, length)
        good = crc == _entry_crc(code, seq, hash8, body)
        return Entry(at, code, mark, seq, hash8, body) if good else None

    def _blank(self, number: int, at: int) -> bool:
        while at < self.size:
            piece = self._read(number, at, min(256, self.size - at))
            if piece != b"\xff" * len(piece):
                return False
            at += len(piece)
        return True

    def _read(self, number: int, at: int, length: int) -> bytes:
        """Return bytes of a sector; what cannot be read at all is zeros, which are nothing good."""
        buffer = bytearray(length)
        try:
            self._flash.readblocks(number % self.sectors, buffer, at)
        except OSError:
            return bytes(length)
        return bytes(buffer)

    def _program(self, number: int, at: int, data: bytes) -> None:
        try:
            self._flash.writeblocks(number % self.sectors, data, at)
        except OSError as error:
            raise FlashFault(repr(error))
        if not any([_landed(self._read(number, at, len(data)), data) for _ in range(READS)]):
            raise FlashFault("sector " + str(number % self.sectors))


def _landed(found: bytes, data: bytes) -> bool:
    """A mark may find bits that an earlier, torn mark cleared; everything else must be equal."""
    return found == data or (len(data) == 1 and found[0] & data[0] == found[0])


def _entry_crc(code: int, seq: int, hash8: bytes, body: bytes) -> int:
    head = struct.pack(_HEAD, len(body), code, LIVE, seq, hash8, 0)
    return binascii.crc32(body, binascii.crc32(head))
