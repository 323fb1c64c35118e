"""The MFRC522 driver against the chip's registers. Runs on MicroPython, like the board."""

from firmware.boards.simcard import Field, SimCard
from firmware.boards.simchips import Pin, SimMFRC522
from firmware.boards.simtime import SimClock
from firmware.errors import ReaderDead, ReaderFault, TwoCards
from firmware.reader.mfrc522 import MFRC522
from tests.firmware.raises import raises

UIDS = ("04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6a7b8c9")


def reader(*uids):
    """Return (driver, chip, field) with cards in the field."""
    field = Field()
    field.cards = [SimCard(bytes.fromhex(uid)) for uid in uids]
    chip = SimMFRC522(SimClock(lambda: 0), field)
    return MFRC522(chip, Pin(1), Pin(1, chip.power)), chip, field


def test_uid_of_each_length_is_read():
    for uid in UIDS:
        driver, _, _ = reader(uid)
        assert driver.uid() == bytes.fromhex(uid)
        assert driver.uid() == bytes.fromhex(uid)


def test_empty_field_is_none_and_the_chip_says_so_by_its_timer():
    driver, _, field = reader()
    assert driver.uid() is None

    field.cards = [SimCard(bytes.fromhex(UIDS[0]))]
    assert driver.uid() == bytes.fromhex(UIDS[0])


def test_two_cards_are_said_to_be_two():
    driver, _, field = reader(UIDS[0], UIDS[1])
    raises(TwoCards, driver.uid)

    field.cards = field.cards[1:]
    assert driver.uid() == bytes.fromhex(UIDS[1])


def test_missing_chip_is_a_fault():
    driver, chip, _ = reader(UIDS[0])
    chip._get = lambda register: 0
    raises(ReaderDead, driver.uid)


def test_chip_of_another_version_is_dead():
    for version in (0x00, 0x12, 0xFF):
        driver, chip, _ = reader(UIDS[0])
        chip.version = version
        chip.power(1)
        raises(ReaderDead, driver.uid)


def test_chip_that_restarted_by_itself_is_set_up_again():
    driver, chip, _ = reader(UIDS[0])
    assert driver.probe()
    chip._reset()  # the right version, and none of its settings
    assert not driver.probe()
    assert driver.probe()
    assert driver.uid() == bytes.fromhex(UIDS[0])


def test_chip_that_hung_is_reset_by_its_line():
    driver, chip, _ = reader(UIDS[0])
    driver.uid()
    answers = chip._get
    chip._get = lambda register: 0x00

    def power(level):
        chip._get = answers
        chip.power(level)

    driver._rst = Pin(1, power)
    assert driver.uid() == bytes.fromhex(UIDS[0])
    assert driver.resets == 2


def test_check_bytes_damaged_on_their_way_are_refused():
    for number in (2, 3, 4, 5):  # UID part with BCC, SAK with CRC_A, and once more
        driver, chip, field = reader(UIDS[1])
        heard = []

        def spoilt(frame, bits, heard=heard, field=field, number=number):
            answer = field(frame, bits)
            heard.append(answer if frame else None)
            if frame and len([a for a in heard if a]) == number:
                return answer[:-1] + bytes([answer[-1] ^ 1])
            return answer

        chip._field = spoilt
        raises(ReaderFault, driver.uid)


def test_chip_that_lost_its_registers_is_set_up_again():
    driver, chip, _ = reader(UIDS[0])
    driver.uid()
    resets = driver.resets
    chip._registers[chip.VERSION] = 0  # a glitch on the supply
    assert driver.uid() == bytes.fromhex(UIDS[0])
    assert driver.resets == resets + 1


def test_antenna_is_off_between_reads():
    driver, chip, _ = reader(UIDS[0])
    driver.uid()
    assert chip._registers[chip.TX_CONTROL] & 3 == 0


def test_errors_of_the_chip_are_not_taken_for_an_answer():
    for error in (0x01, 0x02, 0x10):
        driver, chip, _ = reader(UIDS[0])
        honest = chip._transceive

        def transceive(bits, chip=chip, honest=honest, error=error):
            honest(bits)
            chip._registers[chip.ERROR] = error

        chip._transceive = transceive
        raises(ReaderFault, driver.uid)
