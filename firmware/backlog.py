"""Which record goes up next: overdue ones first, then the newest visit, then the backlog in order.

After weeks without a network a person at the bin is answered as fast as ever: a visit that just
ended goes ahead of everything that waits. History that was asked for goes last of all.
"""

WINDOW = 8  # records of the backlog at most that are out without *recorded*
RECORDED_MS = 15000  # how long to wait for *recorded* before sending again
AGAIN_MS = 6 * 3600 * 1000  # after this, recorded but unsettled records are sent once more
FRESH = 8  # visits at most that may go ahead; more of them are backlog themselves
BEFORE_ALL = (-1, 0)


class Backlog:
    """The unsettled records of `journal`, as one connection after another sends them."""

    def __init__(self, journal, up_ms) -> None:
        self._journal = journal
        self._up_ms = up_ms
        self._fresh = []  # places of records that are to go ahead
        self._ahead = []  # places that went ahead of the backlog
        self._history = None  # (epoch, next seq, last seq)
        self.flying = {}  # (epoch, seq): (hash8, place, when to send again)
        self.begin()

    def begin(self) -> None:
        """Begin a connection: everything unsettled is unsent."""
        self.flying.clear()
        self.rewind()

    def rewind(self) -> None:
        """Send once more what was recorded and is not settled."""
        self._place, self._since_ms, self._ahead = BEFORE_ALL, self._up_ms(), []

    def add(self, place: tuple) -> None:
        """Say that a record was written just now."""
        self._fresh = (self._fresh + [place])[-FRESH:]

    def serve(self, epoch: str, first: int, last: int) -> None:
        """Send records again whether settled or not, once there is nothing else to do."""
        self._history = (epoch, first, last)

    def next(self):
        """Return the record to send now, or None."""
        if self._up_ms() - self._since_ms > AGAIN_MS:
            self.rewind()
        return self._overdue() or self._newest() or self._oldest() or self._past()

    def sent(self, record, pause_ms: int = RECORDED_MS) -> None:
        """Note that a record is on its way; without *recorded* it goes again after the pause."""
        if record.settled:
            return  # it was only asked for again
        entry = (record.hash8, record.place, self._up_ms() + pause_ms)
        self.flying[(record.epoch, record.seq)] = entry

    def recorded(self, epoch: str, seq: int, hash8: str) -> bool:
        """Note that a gateway has it on its disk."""
        entry = self.flying.get((epoch, seq))
        if entry is None or entry[0] != hash8:
            return False
        del self.flying[(epoch, seq)]
        return True

    def due_ms(self) -> int:
        """Return in how many milliseconds there may be something to send again."""
        now_ms = self._up_ms()
        return max(1, min([row[2] for row in self.flying.values()] or [now_ms + AGAIN_MS]) - now_ms)

    def _overdue(self):
        due = [(row[2], name) for name, row in self.flying.items() if row[2] <= self._up_ms()]
        return self._at(self.flying.pop(min(due)[1])[1]) if due else None

    def _newest(self):
        while self._fresh:
            place = self._fresh.pop()
            record = self._at(place) if place > self._place else None
            if record is not None:
                self._ahead.append(place)
                return record
        return None

    def _oldest(self):
        while len(self.flying) < WINDOW:
            record = self._journal.unsettled_after(self._place)
            if record is None:
                return None
            self._place = record.place
            if record.place not in self._ahead:
                return record
            self._ahead.remove(record.place)
        return None

    def _past(self):
        if self._history is None:
            return None
        epoch, first, last = self._history
        record = self._journal.kept(epoch, first, last)
        self._history = None
        if record is not None and record.seq < last:
            self._history = (epoch, record.seq + 1, last)
        return record

    def _at(self, place: tuple):
        """Return the unsettled record at a place, or None."""
        record = self._journal.unsettled_after((place[0], place[1] - 1))
        return record if record is not None and record.place == place else None
