"""Frames between reader and card, with cards that lie."""

from firmware.boards.simcard import COLLIDED, Field, SimCard
from firmware.errors import ReaderFault
from firmware.reader.iso14443 import bcc, crc_a, select
from tests.firmware.raises import raises

UIDS = ("04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6a7b8c9")


def field(*uids):
    made = Field()
    made.cards = [SimCard(bytes.fromhex(uid)) for uid in uids]
    return made


def spoilt(number, change):
    """A field whose answer `number` is changed on its way."""
    honest, heard = field(UIDS[1]), []

    def exchange(frame, bits):
        answer = honest(frame, bits)
        heard.append(answer)
        return change(answer) if len(heard) == number else answer

    return exchange


def test_crc_a_of_the_standard():
    # ISO/IEC 14443-3, annex B: 00 00 gives A0 1E, 12 34 gives 26 CF.
    assert crc_a(b"\x00\x00") == b"\xa0\x1e"
    assert crc_a(b"\x12\x34") == b"\x26\xcf"


def test_bcc_is_the_exclusive_or_of_four():
    assert bcc(b"\x01\x02\x04\x08") == 15


def test_uid_of_each_length_is_read_whole():
    for uid in UIDS:
        assert select(field(uid)) == bytes.fromhex(uid)


def test_sak_tells_whether_more_follows_and_not_the_first_byte():
    lone = "88a1b2c3"  # a clone whose number begins like a cascade tag
    assert select(field(lone)) == bytes.fromhex(lone)


def test_empty_field_is_no_card():
    assert select(field()) is None


def test_two_different_cards_collide():
    assert field(UIDS[0], UIDS[1])(b"\x52", 7) is not COLLIDED  # both say the same ATQA
    exchange = field(UIDS[0], "04ffffff")
    exchange(b"\x52", 7)
    assert exchange(b"\x93\x20", 0) is COLLIDED


def test_wrong_check_bytes_are_refused():
    flipped = lambda answer: bytes([answer[0] ^ 1]) + answer[1:]  # noqa: E731 - two words say it
    last = lambda answer: answer[:-1] + bytes([answer[-1] ^ 1])  # noqa: E731 - BCC or CRC_A itself
    for number in (2, 3, 4, 5):  # UID part, SAK, UID part, SAK
        raises(ReaderFault, select, spoilt(number, flipped))
        raises(ReaderFault, select, spoilt(number, last))


def test_card_torn_away_at_any_step_is_refused():
    for number in (2, 3, 4, 5):
        raises(ReaderFault, select, spoilt(number, lambda answer: None))


def test_answers_of_the_wrong_length_are_refused():
    for number in (1, 2, 3):
        raises(ReaderFault, select, spoilt(number, lambda answer: answer + b"\0"))
        raises(ReaderFault, select, spoilt(number, lambda answer: answer[:-1]))
