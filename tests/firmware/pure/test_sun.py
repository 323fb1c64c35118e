"""A secure card's message is found in its file, or refused; its MAC is the published one."""

from binascii import unhexlify

from firmware import contract
from firmware.errors import ReaderFault
from firmware.reader import sun
from firmware.reader.card import Card, same, token
from tests.firmware.raises import raises

# NXP AN12196, p. 12.
NUMBER, MAC = "EF963FF7828658A599F3041510671E88", "94EED9EE65337086"
MESSAGE = unhexlify(NUMBER + MAC)


def file(text, kind=b"U", head=b"\xd1\x01"):
    record = head + bytes([len(text) + 1]) + kind + b"\x04" + text.encode()
    return bytes([0, len(record)]) + record + bytes(20)


def address(number=NUMBER, mac=MAC, names=("e", "c")):
    return "farz.example/c?" + names[0] + "=" + number + "&" + names[1] + "=" + mac


def test_message_is_found_under_its_usual_names():
    assert sun.message(file(address())) == MESSAGE
    assert sun.message(file(address(names=("picc_data", "cmac")))) == MESSAGE
    assert sun.message(file(address().lower())) == MESSAGE


def test_what_is_not_exactly_a_message_is_refused():
    for text in (
        "",
        "farz.example",
        address(mac=""),
        address(number=NUMBER + "00"),
        address(number=NUMBER[:-1]),
        address(mac="94EED9EE6533708G"),
        address(mac=MAC[:-2]),
        address() + "&cmac=" + MAC,
    ):
        raises(ReaderFault, sun.message, file(text))


def test_files_of_another_shape_are_refused():
    good = file(address())
    for raw in (
        b"",
        b"\x00",
        b"\x00\x00",
        good[:40],
        b"\x01" + good[1:],
        file(address(), kind=b"T"),
        file(address(), head=b"\x11\x01"),
        good[:4] + b"\x05" + good[5:],
        good[:10] + b"\xff\xfe" + good[12:],
    ):
        raises(ReaderFault, sun.message, raw)


def test_every_answer_must_have_its_status():
    honest = {0xA4: b"\x90\x00", 0xB0: file(address()) + b"\x90\x00"}
    assert sun.read(lambda command: honest[command[1]]) == MESSAGE
    assert sun.read(lambda command: b"\x6a\x82") is None
    raises(
        ReaderFault, sun.read, lambda command: honest[0xA4] if command[5] == 0xD2 else b"\x6a\x82"
    )
    raises(
        ReaderFault, sun.read, lambda command: honest[0xA4] if command[1] == 0xA4 else b"\x69\x82"
    )


def test_message_travels_as_it_is_and_a_plain_number_is_hidden():
    key = bytes(32)
    said = token(key, Card(b"\x04\x01\x02\x03", MESSAGE))("0" * 16, 1)
    assert contract.open_secure_token(said) == MESSAGE
    assert contract.fits("card")(said)
    hidden = token(key, Card(b"\x04\x01\x02\x03", None))("0" * 16, 1)
    assert contract.open_card_token(key, "0" * 16, 1, hidden) == b"\x04\x01\x02\x03"


def test_secure_tokens_of_another_shape_are_refused():
    good = contract.secure_token(MESSAGE)
    for wrong in ("u" + good[1:], good[:-1], good + "A", good[:-1] + "!"):
        raises(contract.ContractError, contract.open_secure_token, wrong)
    raises(contract.ContractError, contract.secure_token, MESSAGE[:-1])


def test_numbers_drawn_at_random_are_one_card_resting():
    assert same(b"\x08\x01\x02\x03", b"\x08\x09\x09\x09")
    assert same(b"\x04\x01\x02\x03", b"\x04\x01\x02\x03")
    assert not same(b"\x04\x01\x02\x03", b"\x08\x01\x02\x03")
    assert not same(b"\x08" + bytes(6), b"\x08" + bytes(5) + b"\x01")
    assert not same(b"\x08\x01\x02\x03", None)
