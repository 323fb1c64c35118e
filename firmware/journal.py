"""The journal: what the bin remembers until the backend has settled it, and as long as it can.

An append-only ring of records on raw flash. A visit is opened here before the lid unlocks and
closed by a record; a visit that was cut becomes `interrupted` at the next start. Any damage but
one torn last entry starts a new epoch. Only sectors with everything settled are ever erased. A
sector that does not take what is written is left out, and what it refused goes into the next.
"""

import binascii
import hashlib
from collections import namedtuple

from firmware import contract, records
from firmware.errors import FlashFault, JournalBusy, JournalFull, SettingsFault
from firmware.ring import DONE, NOWHERE, SETTLED, START, Header, Ring, entry_bytes

SECTOR_BYTES = 4096
ROOM_TO_CLOSE = 320  # bytes kept free for the record that closes an opened visit, and some starts
TRIES = 3  # sectors that one entry is tried in
ZEROS = bytes(8)
# `place` is (sector number, offset) and sorts in the order of writing; `body` is what is signed.
Record = namedtuple("Record", "place epoch seq hash8 key_number body settled")
# Who signs, with which key, and the hash of the weighing code: a sector belongs to one of these.
Identity = namedtuple("Identity", "device key_number fw")


class Journal:
    """The records of one device.

    `random(n)` returns n random bytes; `common()` returns what every record says of the moment:
    at_s, clock, up_ms, cal and flags.
    """

    def __init__(self, flash, identity: Identity, random, common) -> None:
        from firmware.survey import Survey  # the app gives its memory back after the start

        self._ring = Ring(flash)
        self._identity = identity
        self._random = random
        self._common = common
        found = Survey(self._ring)
        self._header = found.header  # of the newest sector
        self._end = found.end  # where its next entry goes
        self._last = found.last  # hash8 of this epoch's last record
        self._cut = found.pending  # stored form of a visit that was cut
        self._visit = b""  # stored form of the visit that is open now
        self._depths = found.depths  # unsettled records per sector
        self._stuck = set()  # places of settled records whose mark the flash does not take
        self.worn = set()  # sectors that did not take something since they were told of
        self._orphaned = found.damaged  # this epoch can take no more records
        self._old = found.old  # (epoch, seq, hash8) that the next `open` record names
        self.next_seq = found.next_seq or 0
        self.boot = found.boot + 1
        self._begin(found)

    @property
    def epoch(self) -> str:
        return _hex(self._header.epoch)

    @property
    def takes_records(self) -> bool:
        """Tell whether this epoch stands and nothing is left to be mended."""
        return not self._orphaned and self.next_seq > 0 and self._cut is None

    # --- writing

    def open_visit(self, token, fraction: str, before_g: int):
        """Open a visit and return its (epoch, seq); `token(epoch, seq)` hides the card for it.

        Raises JournalFull. On return the visit is on the flash, and the lid may be unlocked.
        """
        self._insist_on_order()
        card = token(self.epoch, self.next_seq)
        body = self._stamped({"card": card, "fraction": fraction, "before_g": before_g})
        raw = records.pack("interrupted", body)
        self._store(records.VISIT, ZEROS, raw, entry_bytes(raw) + ROOM_TO_CLOSE)
        self._visit = raw
        return self.epoch, self.next_seq

    def close_visit(self, kind: str, fields: dict) -> Record:
        """Write the record that ends the open visit. On return it is on the flash."""
        visit = records.unpack(records.CODES["interrupted"], self._visit, {})
        body = {name: visit[name] for name in ("card", "fraction", "before_g")}
        body.update(fields)
        # Should the flash fail now, the visit is one that was cut, and is mended like one.
        self._cut, self._visit = self._visit, b""
        record = self._commit(kind, records.pack(kind, self._stamped(body)))
        self._cut = None
        return record

    def append(self, kind: str, fields: dict) -> Record:
        """Write a record; JournalFull if there is no room, JournalBusy while a visit is open.

        A value may be a function of the record's name, like the token of open_visit().
        """
        if self._visit:
            raise JournalBusy()
        self._insist_on_order()
        for name in fields:
            if callable(fields[name]):
                fields[name] = fields[name](self.epoch, self.next_seq)
        return self._commit(kind, records.pack(kind, self._stamped(fields)))

    def settle(self, epoch: str, seq: int, hash8: str) -> bool:
        """Release a record; False if none has that name and hash, or if it was released before."""
        header = self._sector_of(epoch, seq)
        if header is None:
            return False
        for entry, _ in record_entries(self._ring, header):
            place = (header.number, entry.at)
            live = entry.mark != SETTLED and place not in self._stuck
            if entry.seq == seq and _hex(entry.hash8) == hash8 and live:
                try:
                    self._ring.mark(header.number, entry.at, SETTLED)
                except FlashFault:
                    self._stuck.add(place)  # it is sent again after the next start: harmless
                    self._wears(header.number)
                self._depths[header.number % self._ring.sectors] -= 1
                self._mend()
                return True
        return False

    # --- reading

    def depth(self) -> int:
        """Return how many records nobody has settled."""
        return sum(self._depths)

    def near_full(self) -> bool:
        """Tell whether nine sectors in ten hold something unsettled."""
        return sum([depth > 0 for depth in self._depths]) * 10 >= self._ring.sectors * 9

    def oldest_seq(self) -> int:
        """Return the first unsettled seq of this epoch, or next_seq."""
        record = self.unsettled_after((-1, 0), self._header.epoch)
        return self.next_seq if record is None else record.seq

    def unsettled_after(self, place, epoch: "bytes | None" = None) -> "Record | None":
        """Return the first unsettled record after a place; (-1, 0) is before all."""
        for number in self._ring.numbers(self._header.number):
            header = self._unsettled_sector(number) if number >= place[0] else None
            if header is not None and epoch in (None, header.epoch):
                for entry, prev in record_entries(self._ring, header):
                    live = entry.mark != SETTLED and (number, entry.at) not in self._stuck
                    if (number, entry.at) > place and live:
                        record = _readable(header, entry, prev)
                        if record is not None:
                            return record
        return None

    def kept(self, epoch: str, first: int, last: int) -> "Record | None":
        """Return the first record from `first` to `last` of an epoch that is still on the flash."""
        for number in self._ring.numbers(self._header.number):
            header = self._ring.header(number)
            if header is not None and header.number == number and _hex(header.epoch) == epoch:
                for entry, prev in record_entries(self._ring, header):
                    wanted = first <= entry.seq <= last
                    record = _readable(header, entry, prev) if wanted else None
                    if record is not None:
                        return record
        return None

    def ends_with(self, kind: str, readings: list) -> bool:
        """Tell whether the last record of this epoch is of a kind and has these readings."""
        last = self.kept(self.epoch, self.next_seq - 1, self.next_seq)
        return last is not None and (last.body["kind"], last.body.get("readings")) == (
            kind,
            readings,
        )

    def _sector_of(self, epoch: str, seq: int) -> "Header | None":
        """Return the header of the sector that an unsettled record must be in."""
        for number in reversed(self._ring.numbers(self._header.number)):
            header = self._unsettled_sector(number)
            if header is not None and _hex(header.epoch) == epoch and header.first_seq <= seq:
                return header
        return None

    def _unsettled_sector(self, number: int) -> "Header | None":
        """Return the header of a sector that holds anything unsettled, else None."""
        if not self._depths[number % self._ring.sectors]:
            return None
        header = self._ring.header(number)
        return header if header is not None and header.number == number else None

    # --- starting and mending

    def _begin(self, found) -> None:
        header = self._header
        try:
            if header is not NOWHERE:
                if header.device != self._identity.device:
                    raise SettingsFault("this flash holds the records of " + header.device)
                if _identity(header) != self._identity:
                    self._end = self._ring.size  # what comes now belongs into a sector of its own
                if found.undone is not None:
                    self._ring.mark(header.number, found.undone, DONE)
                if found.previous is not None and not self._ring.has_successor(found.previous):
                    self._ring.mark_successor(found.previous)
        except FlashFault:
            self._end = self._ring.size  # the entry is whole and stays; this sector takes no more
        try:
            self._mend()
        except FlashFault:
            pass  # it is tried again, and told, when somebody comes
        self._count_boot()

    def _count_boot(self) -> None:
        """Leave a trace of this start, so that no two starts share a number."""
        try:
            self._store(records.BOOT, ZEROS, b"", entry_bytes(b""), self.boot)
        except (JournalFull, FlashFault):
            pass  # a start without a trace costs nothing but the uniqueness of its number

    def _mend(self) -> None:
        """Do what a cut, damage or a full ring left undone, as far as there is room for it."""
        try:
            if self._header is NOWHERE or self._orphaned:
                self._open_epoch()
            if self.next_seq == 0:
                self._commit("open", records.pack("open", self._stamped(self._old_names())))
            if self._cut is not None:
                self._commit("interrupted", self._cut)
                self._cut = None
        except JournalFull:
            pass  # visits are refused until receipts have made room

    def _insist_on_order(self) -> None:
        self._mend()
        if not self.takes_records:
            raise JournalFull()

    def _old_names(self) -> dict:
        epoch, seq, prev = self._old or (None, None, None)
        return {
            "old_epoch": None if epoch is None else _hex(epoch),
            "old_seq": seq,
            "old_prev": None if prev is None else _hex(prev),
        }

    def _open_epoch(self) -> None:
        old = self._old
        if self.next_seq > 0:
            old = (self._header.epoch, self.next_seq - 1, self._last)
        self._advance(self._random(8), 0, ZEROS)
        self._old, self._last, self.next_seq = old, ZEROS, 0
        # A cut visit belongs to the epoch that is lost, for its card is hidden under that name.
        self._orphaned, self._cut = False, None

    # --- flash

    def _stamped(self, fields: dict) -> dict:
        body = self._common()
        body["boot"] = self.boot
        body.update(fields)
        return body

    def _commit(self, kind: str, raw: bytes) -> Record:
        self._make_room(entry_bytes(raw))
        header, code = self._header, records.CODES[kind]
        body = records.unpack(code, raw, names_of(header, self.next_seq, self._last))
        hash8 = hash8_of(header, body)
        place = self._store(code, hash8, raw, entry_bytes(raw))
        self._depths[place[0] % self._ring.sectors] += 1
        self._last = hash8
        self.next_seq += 1
        number = header.key_number
        return Record(place, self.epoch, body["seq"], _hex(hash8), number, body, False)

    def _store(self, code: int, hash8: bytes, raw: bytes, room: int, seq: "int | None" = None):
        """Write an entry where there is room and the flash takes it; return its place."""
        for _ in range(TRIES):
            self._make_room(room)
            place = (self._header.number, self._end)
            try:
                self._write(code, self.next_seq if seq is None else seq, hash8, raw)
                return place
            except FlashFault:
                self._wears(place[0])
                if self._ring.kept(*place):
                    return place  # the rest of its sector is not trusted
                self._ring.spoil(*place)
        raise FlashFault(str(TRIES) + " sectors")

    def _make_room(self, length: int) -> None:
        if self._header is NOWHERE:
            raise JournalFull()
        if self._end + length > self._ring.size:
            self._advance(self._header.epoch, self.next_seq, self._last)

    def _advance(self, epoch: bytes, first_seq: int, prev: bytes) -> None:
        """Begin the next sector that takes a header; JournalFull while it holds anything
        unsettled, FlashFault if none takes one."""
        who, before = self._identity, self._header.number
        fw = binascii.unhexlify(who.fw)
        for number in range(before + 1, before + self._ring.sectors):
            if self._depths[number % self._ring.sectors]:
                raise JournalFull()
            header = Header(
                epoch, number, first_seq, self.boot, prev, fw, who.key_number, who.device
            )
            try:
                self._ring.start(header)
            except FlashFault:
                self._wears(number)
                continue
            self._header, self._end = header, START
            self._note_successor(before)
            return
        raise FlashFault("no sector takes a header")

    def _wears(self, number: int) -> None:
        self.worn.add(number % self._ring.sectors)

    def _note_successor(self, number: int) -> None:
        if number >= 0:
            try:
                self._ring.mark_successor(number)
            except FlashFault:
                pass  # should the new sector be lost, nothing here will tell of it

    def _write(self, code: int, seq: int, hash8: bytes, raw: bytes) -> None:
        at = self._end
        self._end = self._ring.size  # unless it succeeds, the rest of the sector is not trusted
        self._ring.add(self._header.number, at, code, seq, hash8, raw)
        self._end = at + entry_bytes(raw)


def read_image(raw: bytes) -> list:
    """Return (body, hash8, state) of every readable record in a flash image, oldest first.

    `state` is settled, unsettled, or damaged if the stored hash is not the body's.
    """
    ring = Ring(Image(raw))
    headers = [ring.header(index) for index in range(ring.sectors)]
    known = sorted([(header.number, header) for header in headers if header is not None])
    rows = []
    for _, header in known:
        for entry, prev in record_entries(ring, header):
            record = record_of(header, entry, prev)
            state = "settled" if record.settled else "unsettled"
            intact = _hex(hash8_of(header, record.body)) == record.hash8
            rows.append((record.body, record.hash8, state if intact else "damaged"))
    return rows


class Image:
    """A flash image that can only be read."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def ioctl(self, operation: int, argument: int) -> int:
        return SECTOR_BYTES if operation == 5 else len(self._raw) // SECTOR_BYTES

    def readblocks(self, block: int, buffer: bytearray, offset: int = 0) -> None:
        start = block * SECTOR_BYTES + offset
        buffer[:] = self._raw[start : start + len(buffer)]


def record_entries(ring: Ring, header: Header):
    """Yield (entry, hash8 of the record before) of the records in a sector."""
    prev = header.prev
    for entry in ring.entries(header.number):
        if records.is_record(entry.code):
            yield entry, prev
            prev = entry.hash8


def _readable(header: Header, entry, prev: bytes) -> "Record | None":
    """Return a record, or None for one with a newer firmware's words: it waits for that one."""
    try:
        return record_of(header, entry, prev)
    except (ValueError, IndexError):
        return None


def record_of(header: Header, entry, prev: bytes) -> Record:
    body = records.unpack(entry.code, entry.body, names_of(header, entry.seq, prev))
    place, settled = (header.number, entry.at), entry.mark == SETTLED
    epoch, hash8 = _hex(header.epoch), _hex(entry.hash8)
    return Record(place, epoch, entry.seq, hash8, header.key_number, body, settled)


def names_of(header: Header, seq: int, prev: bytes) -> dict:
    return {"epoch": _hex(header.epoch), "seq": seq, "prev": _hex(prev), "fw": _hex(header.fw)}


def hash8_of(header: Header, body: dict) -> bytes:
    payload = contract.canonical(body).encode()
    signed = contract.signing_input(header.device, header.key_number, "record", payload)
    return hashlib.sha256(signed).digest()[:8]


def _identity(header: Header) -> Identity:
    return Identity(header.device, header.key_number, _hex(header.fw))


def _hex(raw: bytes) -> str:
    return binascii.hexlify(raw).decode()
