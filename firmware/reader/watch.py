"""What comes to the reader is told once: a card, or the word for a trouble.

A card that rests there is one visit, however often it is seen, badly seen, or missed for a
moment. The reader is asked for its version every minute; one that died is reset until it lives.
"""

from firmware.errors import CardGone, ReaderDead, ReaderFault, TwoCards
from firmware.reader.card import Card, is_random, same

PROBE_MS = 60 * 1000
REVIVE_MS = 5 * 1000  # between two attempts to bring a dead reader back
AWAY_MS = 300  # a card that was gone for less has not been away
UNREAD = 3  # cards in a row that were not read, then the technician hears of it
ALARM_MS = 3600 * 1000  # a reader that dies again and again must not fill the journal
INSISTS_MS = 1500  # a trouble that lasts so long is no card on its way out


class CardWatch:
    """`put(event)` takes ("card", Card), ("trouble", word), and ("blocked", word) for a card that
    nobody is let in with and, once, for a trouble that lasts: told even while the last one reads.
    `alarm(what, readings)` is for the technician; `up_ms()` is the clock."""

    def __init__(self, reader, up_ms, put, alarm) -> None:
        self._reader = reader
        self._up_ms = up_ms
        self._put = put
        self._alarm = alarm
        self._resting = None  # number of the card that had its visit and is still there
        self._empty_ms = None  # since when nothing is seen
        self._word = None  # the trouble that was told last ...
        self._insists_ms = None  # ... and when it is told again if it lasts
        self._unread = 0  # cards since the last one that was read
        self._probe_ms = 0
        self._dead = False
        self._resets = 1  # the first is the start
        self._alarmed_ms = -ALARM_MS

    @property
    def alive(self) -> bool:
        """Tell whether the reader answered when it was asked last."""
        return self._probe_ms > 0 and not self._dead

    @property
    def resets(self) -> int:
        return self._reader.resets

    def look(self) -> None:
        """Look once, while cards are taken."""
        now = self._up_ms()
        if self._dead and now < self._probe_ms:
            return
        try:
            if now >= self._probe_ms:
                self._probe_ms = now + PROBE_MS
                self._reader.probe()
            self._dead = False
            self._see(now)
        except ReaderDead:
            self._dead, self._probe_ms = True, now + REVIVE_MS
            self._raise("reader dead", now)
            self._put(("trouble", "reader_failed"))
        except TwoCards:
            self._trouble("two_cards", now)
        except CardGone:
            self._miss("card_moved", now)
        except ReaderFault:
            self._miss("card_failed", now)
        if self._reader.resets > self._resets and not self._dead:
            self._raise("reader reset", now)
            self._resets = self._reader.resets

    def _see(self, now: int) -> None:
        uid = self._reader.uid()
        if uid is None:
            if self._empty_ms is None:
                self._empty_ms = now
            self._word = None
            return
        away = self._empty_ms is not None and now - self._empty_ms >= AWAY_MS
        try:
            if away or not same(uid, self._resting):
                self._meet(uid, self._reader.message())
        finally:
            self._reader.release()
        self._resting, self._empty_ms, self._insists_ms = uid, None, None

    def _meet(self, uid: bytes, message: "bytes | None") -> None:
        self._word = None
        if message is None and is_random(uid):
            self._put(("blocked", "card_nameless"))
        else:
            self._unread = 0
            self._put(("card", Card(uid, message)))

    def _miss(self, word: str, now: int) -> None:
        """Tell of a card that was not read. One torn away is a quick hand; three are a reader."""
        if word != self._word:
            self._unread += 1
            if self._unread == UNREAD:
                self._alarm("cards not read", [UNREAD])
        self._trouble(word, now)

    def _trouble(self, word: str, now: int) -> None:
        if word != self._word:
            self._word, self._insists_ms = word, now + INSISTS_MS
            self._put(("trouble", word))
        elif self._insists_ms is not None and now >= self._insists_ms:
            self._insists_ms = None
            self._put(("blocked", word))

    def _raise(self, what: str, now: int) -> None:
        if now - self._alarmed_ms >= ALARM_MS:
            self._alarmed_ms = now
            self._alarm(what, [self._reader.resets])
