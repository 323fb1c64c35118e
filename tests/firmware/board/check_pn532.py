"""The PN532 driver against the chip's frames, with a secure card that really counts and signs."""

from cryptolib import aes

from firmware.boards.simcard import Field, SimCard
from firmware.boards.simchips import Pin
from firmware.boards.simntag import SimNtag424, block
from firmware.boards.simpn532 import SimPN532, framed
from firmware.boards.simtime import SimClock
from firmware.errors import CardGone, ReaderDead, ReaderFault, TwoCards
from firmware.reader import sdm
from firmware.reader.pn532 import ACK, PN532
from tests.firmware.raises import raises

UIDS = ("04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6a7b8c9")
SECURE = bytes.fromhex("04de5f1eacc040")
META, FILE = bytes(range(16)), bytes(range(16, 32))


def reader(*cards):
    """Return (driver, chip, field) with cards in the field."""
    field = Field()
    field.cards = [SimCard(bytes.fromhex(c)) if type(c) is str else c for c in cards]
    chip = SimPN532(SimClock(lambda: 0), field)
    return PN532(chip, Pin(1, chip.select), Pin(1, chip.power)), chip, field


def secure():
    return SimNtag424(SECURE, META, FILE)


def spoil_answer(chip, change):
    """Change what comes back after an acknowledgement, until told otherwise."""
    chip.spoil = lambda frame: frame if frame == ACK else change(frame)


def test_uid_of_each_length_is_read():
    for uid in UIDS:
        driver, _, _ = reader(uid)
        for _ in range(2):
            assert driver.uid() == bytes.fromhex(uid)
            assert driver.message() is None
            driver.release()
        assert driver.resets == 1


def test_empty_field_is_none():
    driver, _, field = reader()
    assert driver.uid() is None

    field.cards = [SimCard(bytes.fromhex(UIDS[0]))]
    assert driver.uid() == bytes.fromhex(UIDS[0])


def test_two_cards_are_said_to_be_two():
    driver, _, field = reader(UIDS[0], secure())
    raises(TwoCards, driver.uid)

    field.cards = field.cards[1:]
    assert driver.uid() == SECURE


def test_field_is_off_between_looks():
    for cards in ((), (UIDS[0],), (UIDS[0], UIDS[1])):
        driver, chip, _ = reader(*cards)
        driver.probe()
        said, answer = [], chip._answer
        chip._answer = lambda command, data, said=said, answer=answer: (
            said.append((command, data)) or answer(command, data)
        )
        try:
            if driver.uid() is not None:
                driver.release()
        except TwoCards:
            pass
        assert said[-1] == (0x32, b"\x01\x00"), cards  # RFConfiguration: field off


def test_message_of_a_secure_card_is_signed_and_counts_each_time():
    driver, _, _ = reader(secure())
    for count in (1, 2, 3):
        assert driver.uid() == SECURE
        message = driver.message()
        driver.release()

        plain = aes(META, 2, bytes(16)).decrypt(message[:16])
        assert plain[:8] == b"\xc7" + SECURE
        assert plain[8:11] == bytes([count, 0, 0])
        assert message[16:] == sdm.mac(block, FILE, SECURE, count)


def test_card_torn_away_at_any_step_is_said_to_be_gone():
    for answers in (0, 1, 2):
        card = secure()
        card.leaves_after = answers
        driver, _, _ = reader(card)
        assert driver.uid() == SECURE
        raises(CardGone, driver.message)


def test_card_taken_out_of_the_field_is_gone():
    driver, _, field = reader(secure())
    driver.uid()
    field.cards = []
    raises(CardGone, driver.message)


def test_telephone_without_the_application_has_no_message():
    card = secure()
    card.apdu = lambda command: b"\x6a\x82"
    driver, _, _ = reader(card)
    driver.uid()
    assert driver.message() is None


def test_answers_of_a_card_that_lies_are_refused():
    for lie in (b"", b"\x90", b"\x00" * 130, b"\x90\x00", b"\x00\x40\xd1\x01\x90\x00"):
        driver, card = reader(secure())[:2]
        driver, card = None, secure()
        honest = card.apdu
        card.apdu = lambda command, lie=lie, honest=honest: (
            lie if command[1] == 0xB0 else honest(command)
        )
        driver = reader(card)[0]
        driver.uid()
        raises(ReaderFault, driver.message)


def test_long_answer_comes_in_an_extended_frame():
    card = secure()
    card.apdu = lambda command: bytes(256) + b"\x6a\x82"
    driver, _, _ = reader(card)
    driver.uid()
    assert len(driver._apdu(b"")) == 258


def test_missing_chip_is_dead():
    driver, chip, _ = reader(UIDS[0])
    chip.hung = True
    raises(ReaderDead, driver.uid)


def test_another_chip_is_dead():
    driver, chip, _ = reader(UIDS[0])
    chip.version = b"\x07\x01\x06\x07"
    raises(ReaderDead, driver.uid)


def test_chip_that_hung_is_reset_by_its_line_and_reads_again():
    driver, chip, _ = reader(UIDS[0])
    driver.uid()
    chip.hung = True
    raises(ReaderFault, driver.uid)

    power = chip.power

    def wakes(level):
        chip.hung = False
        power(level)

    driver._rst = Pin(1, wakes)
    assert driver.uid() == bytes.fromhex(UIDS[0])
    assert driver.resets == 2


def test_probe_tells_a_chip_that_had_to_be_reset():
    driver, chip, _ = reader(UIDS[0])
    assert driver.probe()
    assert driver.probe()
    chip.version = b"\x00\x00\x00\x00"
    driver._rst = Pin(1, lambda level: setattr(chip, "version", b"\x32\x01\x06\x07"))
    assert not driver.probe()


def test_damaged_frames_are_refused_and_the_chip_is_set_up_anew():
    flips = [
        lambda frame, at=at: frame[:at] + bytes([frame[at] ^ 4]) + frame[at + 1 :]
        for at in range(10)
    ]
    cuts = [lambda frame, at=at: frame[:at] for at in range(9)]
    error = [lambda frame: framed(b"\x7f")]
    for change in flips + cuts + error:
        driver, chip, _ = reader(UIDS[0])
        driver.uid()
        spoil_answer(chip, change)
        raises(ReaderFault, driver.uid)
        chip.spoil = None
        assert driver.uid() == bytes.fromhex(UIDS[0])
        assert driver.resets == 2


def test_damaged_acknowledgement_is_refused():
    driver, chip, _ = reader(UIDS[0])
    driver.uid()
    chip.spoil = lambda frame: b"\x00\x00\xff\xff\x00\x00" if frame == ACK else frame
    raises(ReaderFault, driver.uid)


def test_lists_that_are_no_cards_are_refused():
    driver, chip, _ = reader(UIDS[0])
    driver.uid()
    for data in (
        b"",
        b"\x01",
        b"\x01\x01\x00\x44\x00\x05\x01\x02\x03\x04\x05",
        b"\x01\x01\x00\x44\x00\x07\x01",
    ):
        chip._list = lambda most, data=data: data
        raises(ReaderFault, driver.uid)
