"""The MFRC522 driver against the chip's registers. Runs on MicroPython, like the board."""

from firmware.boards.simcard import Field, SimCard
from firmware.boards.simchips import Pin, SimMFRC522
from firmware.boards.simtime import SimClock
from firmware.errors import ReaderFault, TwoCards
from firmware.reader.mfrc522 import MFRC522
from tests.firmware.raises import raises

UIDS = ("04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6a7b8c9")


def reader(*uids):
    """Return (driver, chip, field) with cards in the field."""
    field = Field()
    field.cards = [SimCard(bytes.fromhex(uid)) for uid in uids]
    chip = SimMFRC522(SimClock(lambda: 0), field)
    return MFRC522(chip, Pin(1), Pin(1)), chip, field


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
