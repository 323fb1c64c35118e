"""A text in two files survives whatever becomes of one of them."""

from firmware.twin import Twin
from tests.firmware.raises import remove

PATH = "twin-test"


def fresh():
    remove(PATH + ".0", PATH + ".1")
    return Twin(PATH)


def put(end, raw):
    with open(PATH + end, "w") as file:
        file.write(raw)


def text_of(end):
    with open(PATH + end) as file:
        return file.read()


def test_what_was_written_last_is_read():
    twin = fresh()
    assert (twin.read(), twin.texts()) == (None, [])
    for text in ("one", "two words", ""):
        twin.write(text)
        assert twin.read() == text
    assert twin.texts() == ["", "two words"]
    fresh()


def test_torn_write_leaves_the_old_text_at_every_length():
    twin = fresh()
    twin.write("old")
    twin.write("new")
    whole = text_of(".1")
    for length in range(len(whole)):
        put(".1", whole[:length])
        assert twin.read() == "old", length
    put(".1", whole)
    assert twin.read() == "new"
    twin.write("newer")  # goes over the old one
    assert twin.texts() == ["newer", "new"]
    fresh()


def test_changed_byte_is_a_torn_file():
    twin = fresh()
    twin.write("old")
    twin.write("new")
    put(".1", text_of(".1").replace("new", "nxw"))
    assert twin.read() == "old"
    fresh()
