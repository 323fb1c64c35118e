"""The one-time message of an NTAG 424 DNA: a web address in its NDEF file. Pure.

The card fills in two values at each reading (NXP AN12196, secure dynamic messaging): its number
and a counter, encrypted, and a MAC. Nobody but the backend holds the keys, so nothing is judged
here; what is not exactly such a message is a ReaderFault. Any telephone can read it too.
"""

import binascii

from firmware.errors import ReaderFault

# ISO/IEC 7816-4: select the NDEF application, then file E104, then read from its start.
_SELECT = bytes.fromhex("00a4040c07d276000085010100")
_FILE = bytes.fromhex("00a4000c02e104")
_READ = bytes.fromhex("00b0000080")
_LONGEST = 126  # bytes of the message: one answer has it whole, so its counter counts once
OK = b"\x90\x00"
# Names of the two values in the address, as AN12196 and the usual servers write them.
NUMBER, MAC = ("e", "picc_data"), ("c", "cmac")


def read(apdu) -> "bytes | None":
    """Return the message, 24 bytes, or None if the card has no NDEF application.

    `apdu(command)` returns the card's answer with its two status bytes. Raises ReaderFault.
    """
    if apdu(_SELECT)[-2:] != OK:
        return None
    if apdu(_FILE) != OK:
        raise ReaderFault("no NDEF file")
    answer = apdu(_READ)
    if answer[-2:] != OK:
        raise ReaderFault("NDEF file not readable")
    return message(answer[:-2])


def message(file: bytes) -> bytes:
    """Return PICCData (16 bytes) and SDMMAC (8) from the start of an NDEF file."""
    values = {}
    for item in address(file).split("?")[-1].split("&"):
        name, _, value = item.partition("=")
        values[name] = value
    return _value(values, NUMBER, 16) + _value(values, MAC, 8)


def address(file: bytes) -> str:
    """Return the address in an NDEF file: length, one short record of type U (NFC Forum, URI)."""
    length = int.from_bytes(file[:2], "big")
    record = file[2 : 2 + length]
    if len(file) < 2 or not 5 < length <= _LONGEST or len(record) != length:
        raise ReaderFault("NDEF length")
    if record[:2] != b"\xd1\x01" or record[2] != length - 4 or record[3:4] != b"U":
        raise ReaderFault("not one address")
    try:
        return record[5:].decode()
    except ValueError:
        raise ReaderFault("not text")


def _value(values: dict, names: tuple, length: int) -> bytes:
    text = "".join([values[name] for name in names if name in values])
    try:
        raw = binascii.unhexlify(text)
    except ValueError:
        raw = b""
    if len(raw) != length or len(text) != 2 * length:
        raise ReaderFault("no secure message")
    return raw
