"""What a ring says when the device starts, read without writing anything.

Sectors are read oldest first. Within the newest epoch the records' numbers and the chain through
the sector headers must have no gap; any gap, or an entry that was done and is now unreadable, is
damage. Sectors may be missing where the chain goes on without them, for bad ones are left out, and
at the oldest end, whose erase may have been cut.
"""

from firmware import records
from firmware.ring import BROKEN, FREE, LIVE, NOWHERE, SETTLED, START, entry_bytes


class Survey:
    """The newest sector, where to go on, what is open, and what is damaged."""

    def __init__(self, ring) -> None:
        self._ring = ring
        self.header = NOWHERE  # of the newest sector
        self.previous = None  # number of the sector before it, if there is one
        self.end = ring.size  # offset of the next entry there
        self.undone = None  # offset of a last entry that is whole but not marked done
        self.next_seq = None  # of this epoch; None while no sector of it was read
        self.last = bytes(8)  # hash8 of this epoch's last record
        self.old = None  # (epoch, seq, hash8) of the last record of an earlier epoch
        self.pending = None  # stored form of a visit that nobody closed
        self.damaged = False
        self.boot = 0
        self.depths = [0] * ring.sectors  # unsettled records per sector
        self._gap = False
        headers = [ring.header(index) for index in range(ring.sectors)]
        for header in headers:
            if header is not None and header.number > self.header.number:
                self.header = header
        if self.header.number >= 0:
            self._read_sectors()

    def _read_sectors(self) -> None:
        newest = self.header.number
        for number in self._ring.numbers(newest):
            header = self._ring.header(number)
            if header is None or header.number != number:
                self._gap = True
            else:
                self._read_sector(header)
                if number != newest:
                    self.previous = number
        if self._ring.has_successor(newest):
            self.damaged = True  # there were entries after the newest sector that we can read

    def _read_sector(self, header) -> None:
        current = header.epoch == self.header.epoch
        if current:
            self._join(header)
        self._gap = False
        self.boot = max(self.boot, header.boot)
        self.undone = None
        at = START
        for entry in self._ring.entries(header.number):
            self._read_entry(header, current, entry)
            at = entry.at + entry_bytes(entry.body)
        ending = self._ring.ending(header.number, at)
        self.damaged = self.damaged or (current and ending == BROKEN)
        self.end = at if ending == FREE else self._ring.size

    def _join(self, header) -> None:
        """Check that a sector of this epoch goes on where the one before it ended."""
        if self.next_seq is None:
            lost = self._gap and header.first_seq > 0 and not self._gap_is_oldest(header.number)
        else:
            lost = header.first_seq != self.next_seq or header.prev != self.last
        self.damaged = self.damaged or lost
        self.next_seq, self.last = header.first_seq, header.prev

    def _gap_is_oldest(self, number: int) -> bool:
        return number - 1 == self._ring.numbers(self.header.number)[0]

    def _read_entry(self, header, current: bool, entry) -> None:
        self.undone = entry.at if entry.mark == LIVE else None
        if entry.code == records.BOOT:
            self.boot = max(self.boot, entry.seq)
        elif entry.code in records.VISITS:
            self.pending = records.visit(entry.code, entry.body) if current else None
        elif records.is_record(entry.code):
            self.pending = None
            self.depths[header.number % self._ring.sectors] += entry.mark != SETTLED
            if current:
                self.damaged = self.damaged or entry.seq != self.next_seq
                self.next_seq, self.last = entry.seq + 1, entry.hash8
            else:
                self.old = (header.epoch, entry.seq, entry.hash8)
        else:
            # Of a newer firmware: it may have taken a number that must not be used twice.
            self.damaged = self.damaged or current
