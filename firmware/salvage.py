"""What a dead bin's flash still says, sector by sector, whatever has become of its neighbours.

Nothing is written. Each sector names device, key and chain in its own header, so that an image may
be cut short, torn or full of holes. A visit that was open when the bin died becomes the very
`interrupted` record that the bin itself would make of it at its next start.
"""

import struct
from collections import namedtuple

from firmware import records
from firmware.journal import SECTOR_BYTES, Image, hash8_of, names_of, record_entries, record_of
from firmware.ring import BROKEN, MAGIC, START, Entry, Ring, entry_bytes

# device; Record as the journal has it; whether its stored hash is its content's.
Found = namedtuple("Found", "device record intact")
CHIP_BYTES, JOURNAL_AT, JOURNAL_BYTES = 0x400000, 0x380000, 0x80000  # hardware/partitions.csv


def journal_in(raw: bytes) -> bytes:
    """Return the journal's part of an image: of a whole chip of 4 MiB, or of the partition."""
    if len(raw) == CHIP_BYTES:
        return raw[JOURNAL_AT : JOURNAL_AT + JOURNAL_BYTES]
    return raw + b"\xff" * (-len(raw) % SECTOR_BYTES)


def found_in(raw: bytes) -> list:
    """Return every readable record of an image in the order of writing, as Found."""
    raw = journal_in(raw)
    sectors = []
    for at in range(0, len(raw), SECTOR_BYTES):
        ring = Ring(Image(raw[at : at + SECTOR_BYTES]))
        header = ring.header(0)
        if header is not None and header.device:
            sectors.append((header.number, at, ring, header))
    found = []
    for _, _, ring, header in sorted(sectors, key=lambda sector: sector[:2]):
        for entry, prev in record_entries(ring, header):
            found += _read(header, entry, prev)
    if sectors:
        found += _interrupted(*max(sectors, key=lambda sector: sector[:2])[2:])
    return found


def broken_sectors(raw: bytes) -> int:
    """Return how many sectors hold something that is neither blank nor the journal's."""
    raw, broken = journal_in(raw), 0
    for at in range(0, len(raw), SECTOR_BYTES):
        ring = Ring(Image(raw[at : at + SECTOR_BYTES]))
        header = ring.header(0)
        if header is None:
            broken += raw[at : at + len(MAGIC)] not in (b"\xff" * 4, b"\0" * 4)
        else:
            ends = [entry.at + entry_bytes(entry.body) for entry in ring.entries(0)]
            broken += ring.ending(0, (ends or [START])[-1]) == BROKEN
    return broken


def _read(header, entry, prev: bytes) -> list:
    """Return [Found] of an entry, or [] if it is of a layout that nobody knows."""
    try:
        record = record_of(header, entry, prev)
        intact = hash8_of(header, record.body) == entry.hash8
    except (ValueError, KeyError, TypeError, IndexError, struct.error):
        return []
    return [Found(header.device, record, intact)]


def _interrupted(ring: Ring, header) -> list:
    """Return [Found] for the visit that was open at the end of the newest sector, or []."""
    seq, last, pending, at = header.first_seq, header.prev, None, START
    for entry in ring.entries(header.number):
        at = entry.at + entry_bytes(entry.body)
        if records.is_record(entry.code):
            seq, last, pending = entry.seq + 1, entry.hash8, None
        elif entry.code in records.VISITS:
            pending = entry
    if pending is None or seq == 0 or ring.ending(header.number, at) == BROKEN:
        return []
    code, raw = records.CODES["interrupted"], records.visit(pending.code, pending.body)
    hash8 = hash8_of(header, records.unpack(code, raw, names_of(header, seq, last)))
    return _read(header, Entry(pending.at, code, pending.mark, seq, hash8, raw), last)
