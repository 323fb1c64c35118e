"""CBOR against the vectors of RFC 8949, appendix A."""

from firmware import cbor
from tests.firmware.raises import raises

VECTORS = (
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (None, "f6"),
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ([], "80"),
    ([1, 2, 3], "83010203"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
)


def test_values_have_the_bytes_of_the_standard():
    for value, text in VECTORS:
        assert cbor.dumps(value) == bytes.fromhex(text)
        assert cbor.loads(bytes.fromhex(text)) == value


def test_bytes_cut_short_or_too_many_are_refused():
    for text in ("18", "1903", "6261", "8301", "0000", "", "f4", "a0"):
        raises(ValueError, cbor.loads, bytes.fromhex(text))


def test_values_that_the_journal_has_no_use_for_are_refused():
    for value in (1.5, True, {}, b"raw"):
        raises(ValueError, cbor.dumps, value)
