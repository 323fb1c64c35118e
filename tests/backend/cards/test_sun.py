"""Secure messages against NXP's published values, and that nothing else is believed."""

from hypothesis import given
from hypothesis import strategies as st

from backend.cards import sun
from backend.cards.sun import Keys, Said
from tests.backend.cards.chip import Chip

ZERO = bytes(16)
UID = bytes.fromhex("04DE5F1EACC040")
KEYS = Keys(bytes(range(16)), bytes(range(16, 32)))


def own_chip(version_keys: Keys = KEYS, uid: bytes = UID) -> Chip:
    return Chip(uid, version_keys.picc, sun.card_key(version_keys.root, uid, sun.MAC_KEY))


def test_number_and_counter_of_the_application_note() -> None:
    # NXP AN12196, p. 12.
    said = sun.decrypt(ZERO, bytes.fromhex("EF963FF7828658A599F3041510671E88"))

    assert said == Said(UID, 61)
    assert sun.session_key(ZERO, said).hex().upper() == "3FB5F6E3A807A03D5E3570ACE393776F"
    assert sun.mac(ZERO, said).hex().upper() == "94EED9EE65337086"


def test_mac_over_a_text_of_the_application_note() -> None:
    # NXP AN12196, p. 18.
    said = sun.decrypt(ZERO, bytes.fromhex("FD91EC264309878BE6345CBE53BADF40"))

    assert said == Said(bytes.fromhex("04958CAA5C5E80"), 8)
    assert sun.session_key(ZERO, said).hex().upper() == "3ED0920E5E6A0320D823D5987FEAFBB1"
    text = b"CEE9A53E3E463EF1F459635736738962&cmac="
    assert sun.mac(ZERO, said, text).hex().upper() == "ECC1E7F6C6C73BF6"


def test_mac_of_a_plain_mirror() -> None:
    # sdm-backend's third vector: the counter 000006 stands in the address, high byte first.
    said = Said(bytes.fromhex("041E3C8A2D6B80"), 6)

    assert sun.mac(ZERO, said).hex().upper() == "4B00064004B0B3D3"


def test_diversified_key_of_the_application_note() -> None:
    # NXP AN10922, 2.2.1: the CMAC that a card's own key is made with.
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    text = bytes.fromhex("0104782E21801D803042F54E585020416275")

    assert sun._cmac(key, text).hex().upper() == "A8DD63A3B89D54B37CA802473FDA9175"


def test_a_cards_keys_are_its_own() -> None:
    root, other = KEYS.root, bytes.fromhex("04DE5F1EACC041")
    made = {sun.card_key(root, uid, number) for uid in (UID, other) for number in (0, 2)}

    assert len(made) == 4
    # The input has more than a block, so that AN10922's padding is CMAC's own.
    assert len(b"\x01" + UID + sun.APPLICATION + b"farz" + b"\x02") == 20


def test_a_true_message_is_believed_under_the_version_that_made_it() -> None:
    newer = Keys(bytes(16), bytes(15) + b"\x01")
    chip = own_chip(newer)

    proven = sun.verify({1: KEYS, 2: newer}, chip.message())

    assert proven == sun.Proven(UID, 1, 2)
    assert sun.verify({1: KEYS}, chip.message()) is None


def test_a_chip_with_another_chips_key_is_not_believed() -> None:
    chip = own_chip()
    chip.uid = bytes.fromhex("04DE5F1EACC041")

    assert sun.verify({1: KEYS}, chip.message()) is None


@given(st.integers(0, 24 * 8 - 1))
def test_no_bit_of_a_message_may_be_another(bit: int) -> None:
    message = bytearray(own_chip().message())
    message[bit // 8] ^= 1 << bit % 8

    assert sun.verify({1: KEYS}, bytes(message)) is None


@given(st.binary(min_size=24, max_size=24))
def test_what_no_card_said_is_not_believed(message: bytes) -> None:
    assert sun.verify({1: KEYS}, message) is None
