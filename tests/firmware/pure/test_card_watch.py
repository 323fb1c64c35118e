"""A card resting on the reader is one visit; a reader that dies is told, revived and noted."""

from firmware.errors import CardGone, ReaderDead, ReaderFault, TwoCards
from firmware.reader.card import Card
from firmware.reader.watch import ALARM_MS, AWAY_MS, INSISTS_MS, PROBE_MS, REVIVE_MS, CardWatch
from tests.firmware.raises import raises

AMAL, BASSAM = b"\x04\xa1\xb2\xc3", b"\x04\xa1\xb2\xc4"
STEP_MS = 100


class Reader:
    """A reader that sees what it is told to: a number, None, or an error."""

    def __init__(self):
        self.sees = None
        self.says = None
        self.dead = False
        self.resets = 1
        self.probes = self.read = self.held = 0

    def probe(self):
        self.probes += 1
        if self.dead:
            self.resets += 1
            raise ReaderDead()

    def uid(self):
        if isinstance(self.sees, Exception):
            raise self.sees
        self.held += self.sees is not None
        return self.sees

    def message(self):
        self.read += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def release(self):
        self.held -= 1


class Scene:
    def __init__(self):
        self.reader, self.told, self.alarms, self.now_ms = Reader(), [], [], 0
        self.watch = CardWatch(
            self.reader,
            lambda: self.now_ms,
            self.told.append,
            lambda what, readings: self.alarms.append(what),
        )

    def looks(self, *sights):
        """Look once at each sight; return what was told meanwhile."""
        before = len(self.told)
        for sight in sights:
            self.reader.sees = sight
            self.now_ms += STEP_MS
            self.watch.look()
        assert self.reader.held == 0, "a card was not let go"
        return self.told[before:]


def card(uid, message=None):
    return ("card", Card(uid, message))


def test_card_that_rests_is_one_visit_and_is_read_once():
    scene = Scene()
    assert scene.looks(*[AMAL] * 50) == [card(AMAL)]
    assert scene.reader.read == 1


def test_card_missed_for_a_moment_has_not_been_away():
    scene = Scene()
    scene.looks(AMAL)
    assert scene.looks(None, None, AMAL) == []
    assert scene.looks(*[None] * (AWAY_MS // STEP_MS + 1), AMAL) == [card(AMAL)]


def test_trouble_between_two_sights_does_not_make_a_second_visit():
    scene = Scene()
    scene.looks(AMAL)
    assert scene.looks(ReaderFault(), AMAL) == [("trouble", "card_failed")]
    assert scene.looks(TwoCards(), AMAL) == [("trouble", "two_cards")]
    assert scene.looks(TwoCards(), BASSAM) == [card(BASSAM)]


def test_another_card_is_another_visit():
    assert Scene().looks(AMAL, BASSAM, AMAL) == [card(AMAL), card(BASSAM), card(AMAL)]


def test_trouble_is_told_once():
    scene = Scene()
    assert scene.looks(*[TwoCards()] * 9) == [("trouble", "two_cards")]
    assert scene.looks(None, TwoCards()) == [("trouble", "two_cards")]


def test_trouble_that_lasts_is_told_once_more_to_who_still_reads_what_was_before():
    looks = INSISTS_MS // STEP_MS
    for sight, word in ((TwoCards(), "two_cards"), (ReaderFault(), "card_failed")):
        scene = Scene()
        scene.looks(AMAL)
        told = scene.looks(*[sight] * 5 * looks)
        assert told == [("trouble", word), ("blocked", word)]
        assert scene.looks(*[sight, AMAL] * 2 * looks) == []  # a card that lies badly


def test_card_torn_away_opens_no_visit_and_may_try_again():
    scene = Scene()
    scene.reader.says = CardGone()
    assert scene.looks(AMAL, AMAL, None) == [("trouble", "card_moved")]
    scene.reader.says = b"m" * 24
    assert scene.looks(AMAL) == [card(AMAL, b"m" * 24)]


def test_technician_hears_of_three_cards_in_a_row_that_were_not_read():
    scene = Scene()
    scene.reader.says = CardGone()
    scene.looks(AMAL, AMAL, AMAL, AMAL, None)
    scene.looks(ReaderFault(), None)
    assert scene.alarms == []
    scene.looks(AMAL, None)
    assert scene.alarms == ["cards not read"]
    scene.looks(AMAL, None, AMAL, None)
    assert scene.alarms == ["cards not read"]
    scene.reader.says = None
    scene.looks(AMAL, *[None] * 9)
    scene.reader.says = CardGone()
    scene.looks(AMAL, None, AMAL, None)
    assert scene.alarms == ["cards not read"]


def test_number_drawn_at_random_is_no_card_of_the_town_but_a_message_is():
    scene = Scene()
    assert scene.looks(b"\x08abc", b"\x08abd") == [("blocked", "card_nameless")]
    scene = Scene()
    scene.reader.says = b"m" * 24
    assert scene.looks(b"\x08abc", b"\x08abd") == [card(b"\x08abc", b"m" * 24)]
    assert scene.reader.read == 1


def test_reader_is_probed_every_minute():
    scene = Scene()
    scene.looks(*[None] * (3 * PROBE_MS // STEP_MS))
    assert scene.reader.probes == 3


def test_dead_reader_is_told_again_and_again_and_noted_once_an_hour():
    scene = Scene()
    scene.looks(None)
    scene.reader.dead = True
    scene.now_ms += PROBE_MS
    told = scene.looks(*[None] * (4 * REVIVE_MS // STEP_MS))
    assert told == [("trouble", "reader_failed")] * 4
    assert scene.alarms == ["reader dead"]

    scene.reader.dead = False
    scene.now_ms += REVIVE_MS
    assert scene.looks(AMAL) == [card(AMAL)]
    assert scene.alarms == ["reader dead"]

    scene.reader.dead = True
    scene.now_ms += ALARM_MS
    scene.looks(None)
    assert scene.alarms == ["reader dead", "reader dead"]


def test_reader_that_had_to_be_reset_is_noted():
    scene = Scene()
    scene.looks(None)
    scene.reader.resets = 2
    scene.looks(None, None)
    assert scene.alarms == ["reader reset"]


def test_dead_reader_is_not_asked_at_every_look():
    scene = Scene()
    scene.reader.dead = True
    scene.looks(*[None] * (REVIVE_MS // STEP_MS - 1))
    assert scene.reader.probes == 1
    raises(ReaderDead, scene.reader.probe)
