"""Who may open the technician's mode: nobody but the cards that the settings name."""

import json

from firmware.boards.simntag import SimNtag424
from firmware.cipher import decrypt, encrypt
from firmware.errors import FlashFault
from firmware.reader import sun
from firmware.reader.card import Card
from firmware.reader.staff import Staff, tag

UID, OTHER = bytes.fromhex("04de5f1eacc040"), bytes.fromhex("04de5f1eacc041")
KEYS = (bytes(range(16)), bytes(range(16, 32)))


class Seen:
    """What is kept over a restart; a flash that fails keeps nothing."""

    def __init__(self):
        self.text, self.fails = None, False

    def read(self):
        return self.text

    def write(self, text):
        if self.fails:
            raise FlashFault()
        self.text = text


def said(chip):
    return Card(chip.uid, sun.read(chip.apdu))


def staff(keys=KEYS, seen=None):
    return Staff("bin-01", {tag("bin-01", UID): keys}, seen or Seen(), decrypt, encrypt)


def test_card_that_nobody_named_is_no_service_card():
    assert staff().judge(said(SimNtag424(OTHER, KEYS[0], KEYS[1]))) is None
    assert staff().judge(Card(OTHER, None)) is None


def test_named_card_with_its_keys_may_again_and_again():
    judge, chip = staff().judge, SimNtag424(UID, KEYS[0], KEYS[1])
    assert [judge(said(chip)) for _ in range(3)] == [True, True, True]


def test_copies_of_a_secure_service_card_may_not():
    judge = staff().judge
    assert judge(Card(UID, None)) is False
    assert judge(said(SimNtag424(UID, KEYS[0], bytes(16)))) is False
    assert judge(said(SimNtag424(UID, bytes(16), KEYS[1]))) is False
    other = SimNtag424(OTHER, KEYS[0], KEYS[1])
    assert judge(Card(UID, said(other).message)) is False


def test_message_is_good_once_also_after_a_restart():
    seen, chip = Seen(), SimNtag424(UID, KEYS[0], KEYS[1])
    old, new = said(chip), said(chip)
    assert staff(seen=seen).judge(new) is True
    assert staff(seen=seen).judge(new) is False
    assert staff(seen=seen).judge(old) is False
    assert json.loads(seen.text) == {tag("bin-01", UID): 2}


def test_count_that_cannot_be_kept_opens_nothing():
    seen = Seen()
    seen.fails = True
    assert staff(seen=seen).judge(said(SimNtag424(UID, KEYS[0], KEYS[1]))) is False


def test_card_without_keys_is_as_good_as_its_number():
    assert staff(keys=None).judge(Card(UID, None)) is True


def test_tag_is_another_at_each_bin():
    assert tag("bin-01", UID) != tag("bin-02", UID)
    assert len(tag("bin-01", UID)) == 16
