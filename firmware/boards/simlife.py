"""A short life of a journal with a power cut in it, on CPython and MicroPython.

live() runs it and asserts what must never happen:
an acknowledged record lost, a name with two contents, a settled record unsettled again, a visit
without a record, a new epoch without damage.
"""

from firmware.boards.simram import PowerCut, RamFlash
from firmware.errors import JournalFull
from firmware.journal import Identity, Journal

SECTORS, SECTOR_BYTES = 4, 1536  # small, so that a short life goes around the ring
VISITS = 16
WHO = Identity("bin-01", 1, "0123456789abcdef")
BEFORE_ALL = (-1, 0)


def common():
    now = {"at_s": 1795000000, "clock": "synced", "up_ms": 123456789, "cal": 1, "flags": []}
    now["temp_c10"] = 214
    return now


def random(n):
    return bytes(range(n))


def token(epoch, seq):
    return "u.AAAAAAAAAAAAAAAAAAAAAA"


def unsettled(journal):
    place, found = BEFORE_ALL, []
    while True:
        record = journal.unsettled_after(place)
        if record is None:
            return found
        place = record.place
        found.append(record)


class Life:
    """What was promised to the outside so far, and the checks against what the flash says."""

    def __init__(self):
        self.hashes = {}  # name: hash8 of every record ever seen
        self.kinds = {}  # name: kind of every record ever seen
        self.saved = set()  # names of records acknowledged or found, and not settled
        self.settled = set()
        self.opened = None  # name of the visit that was open when the power failed

    def see(self, record):
        name = (record.epoch, record.seq)
        assert self.hashes.get(name, record.hash8) == record.hash8, "one name, two contents"
        self.hashes[name] = record.hash8
        self.kinds[name] = record.body["kind"]
        self.saved.add(name)

    def check(self, journal):
        records = unsettled(journal)
        names = [(record.epoch, record.seq) for record in records]
        assert names == sorted(names)
        assert len({name[0] for name in names}) <= 1, "a new epoch without damage"
        assert not self.settled.intersection(names), "settled, and unsettled again"
        assert self.saved - self.settled <= set(names), "saved, and lost"
        if self.opened is not None:
            if self.opened not in names and not journal.takes_records:
                # Cuts while it was mended have used the room up: it waits for the next receipts.
                release(journal, self)
                records = unsettled(journal)
                names = [(record.epoch, record.seq) for record in records]
            assert self.opened in names, "a visit without a record"
            self.opened = None
        for record in records:
            self.see(record)
        assert journal.depth() == len(records)


def visit(journal, life, number):
    name = journal.open_visit(token, "organic", 1000 * number)
    life.opened = name
    fields = {"after_g": 1000 * number + 500, "e_g": 10, "p2p_g": 4, "n": 8, "temp_c10": None}
    life.see(journal.close_visit("deposit", fields))
    life.opened = None


def admit(journal, life, number):
    """A visit; one that is refused because cuts have used the room up, again after receipts."""
    try:
        visit(journal, life, number)
    except JournalFull:
        assert life.opened is None, "a visit without a record"
        release(journal, life)
        visit(journal, life, number)


def settle(journal, life):
    """Settle all but the newest three records, oldest first."""
    for record in unsettled(journal)[:-3]:
        name = (record.epoch, record.seq)
        # The receipt is lost with the power at worst, so the record may or may not be settled.
        try:
            assert journal.settle(record.epoch, record.seq, record.hash8)
        finally:
            life.saved.discard(name)
        life.settled.add(name)


def release(journal, life):
    """Settle all there is, which makes room."""
    for record in unsettled(journal):
        name = (record.epoch, record.seq)
        life.saved.discard(name)
        assert journal.settle(record.epoch, record.seq, record.hash8)
        life.settled.add(name)


def live(cuts, visits=VISITS, bad=(), sectors=SECTORS):
    """Live through visits with power cuts [(operation, mode, seed), ...], one a start.

    Returns how many flash operations it took, cuts that struck, and visits that were interrupted.
    """
    flash, life, done, cuts = RamFlash(sectors, SECTOR_BYTES), Life(), 0, list(cuts)
    flash.bad = bad
    total = struck = 0
    while done < visits:
        flash.power_on(*(cuts.pop(0) if cuts else ()))
        try:
            journal = Journal(flash, WHO, random, common)
            life.check(journal)
            while done < visits:
                done += 1
                admit(journal, life, done)
                settle(journal, life)
                life.check(journal)
        except PowerCut:
            struck += 1  # the next turn is the next start
        total += flash.operations
    flash.power_on()
    journal = Journal(flash, WHO, random, common)
    life.check(journal)
    assert set(life.kinds.values()) <= {"open", "deposit", "interrupted"}
    interrupted = len([kind for kind in life.kinds.values() if kind == "interrupted"])
    return {"operations": total, "cuts": struck, "interrupted": interrupted}


def full_ring():
    """Fill a ring without any receipt; nothing may be overwritten, and a receipt makes room."""
    flash = RamFlash(SECTORS, SECTOR_BYTES)
    journal, life, number = Journal(flash, WHO, random, common), Life(), 0
    try:
        while True:
            number += 1
            visit(journal, life, number)
    except JournalFull:
        life.check(journal)
    return number, journal, life
