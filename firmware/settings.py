"""What differs from bin to bin, read once at the start and checked whole.

A JSON file beside the program on the device's own flash, never in the repository:
device, key (64 hex digits), key_number, fractions, host, port,
ca, certificate, private_key (DER in hex: with them the link is TLS) or user, password,
e_g, min_g, max_g; and what may be left out: language (en, ar, fr), own_digits (the language's
instead of 0 to 9), scale, reader (mfrc522 or pn532), lid_safe (how the lock falls without power:
locked, unlocked), service (cards of technicians: [{tag, picc, mac}], keys in hex or none),
service_blocked (their tags that are lost), dark (the idle display may go dark),
battery {ratio_x1000, low_mv, least_mv}, fill {empty_mm, full_mm}. The calibration is a signed
record of its own.
"""

import binascii
import json

from firmware import contract
from firmware.errors import SettingsFault
from firmware.lid import SAFE

READERS = ("mfrc522", "pn532")
LANGUAGES = ("en", "ar", "fr")  # of firmware/frames
USUAL = {
    "user": None,
    "password": None,
    "language": "en",
    "own_digits": False,
    "scale": 2,
    "reader": "mfrc522",
    "lid_safe": "locked",
    "model": "bin-a",
    "dark": False,
}


class Settings:
    """What is in force. It has no methods, so that the code that read it need not stay loaded."""

    device: str
    key: bytes
    key_number: int
    keys: dict  # all that anything may be signed under, by number
    fractions: list
    host: str
    port: int
    papers: object  # trust.Papers, or None on a network that needs none
    user: "str | None"
    password: "str | None"
    e_g: int
    min_g: int
    max_g: int
    language: str
    own_digits: bool
    scale: int  # decimals of the town's credit
    reader: str
    lid_safe: str
    model: str  # whose firmware fits
    update_keys: dict  # who may sign it: {name: hex}
    dark: bool
    battery: "dict | None"
    service: dict
    fill: "dict | None"


def checked(values: dict) -> Settings:
    """Return the settings that a file's values are, or raise SettingsFault."""
    made = Settings()
    try:
        for name in ("device", "key_number", "fractions", "host", "port", "e_g", "min_g", "max_g"):
            setattr(made, name, values[name])
        for name in USUAL:
            setattr(made, name, values.get(name, USUAL[name]))
        made.key = binascii.unhexlify(values["key"])
        made.keys = {made.key_number: made.key}
        made.papers = _papers(values)
        made.update_keys = values.get("update_keys", {})
        made.battery = _part(values.get("battery"), "ratio_x1000 low_mv least_mv")
        made.service = _service(values)
        made.fill = _part(values.get("fill"), "empty_mm full_mm")
        _check(made)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsFault(repr(error))
    return made


def _check(made: Settings) -> None:
    fractions = made.fractions
    once = type(fractions) is list and 0 < len(fractions) == len(set(fractions))
    known = once and all([fraction in contract.FRACTIONS for fraction in fractions])
    ranges = 0 < made.e_g <= made.min_g < made.max_g
    if not contract.is_device(made.device) or len(made.key) != 32 or not known or not ranges:
        raise SettingsFault("device, key, fractions or ranges")
    port = made.port if type(made.port) is int else 0
    if type(made.host) is not str or not made.host or not 0 < port < 65536:
        raise SettingsFault("host or port")
    if type(made.scale) is not int or not 0 <= made.scale <= 4:
        raise SettingsFault("scale is 0 to 4 decimals")
    if not _are_keys(made.update_keys):
        raise SettingsFault("update_keys: 64 hex digits by name")
    if made.reader not in READERS:
        raise SettingsFault("reader")
    if made.language not in LANGUAGES:
        raise SettingsFault("language is one of " + ", ".join(LANGUAGES))
    if made.lid_safe not in SAFE:
        raise SettingsFault("lid_safe is one of " + ", ".join(SAFE))
    battery, fill = made.battery, made.fill
    if battery and not 0 < battery["least_mv"] <= battery["low_mv"]:
        raise SettingsFault("battery: 0 < least_mv <= low_mv")
    if fill and not 0 < fill["full_mm"] < fill["empty_mm"]:
        raise SettingsFault("fill: 0 < full_mm < empty_mm")


def _part(values: "dict | None", names: str) -> "dict | None":
    """Return the numbers of a part that a bin may have; KeyError or TypeError if they are none."""
    return None if values is None else {name: values[name] + 0 for name in names.split()}


def _service(values: dict) -> dict:
    """Return {tag: None or (PICCData key, MAC key)} of the service cards that are not lost."""
    blocked, found = values.get("service_blocked", []), {}
    for card in values.get("service", []):
        keys = [binascii.unhexlify(card[name]) for name in ("picc", "mac") if name in card]
        if len(card["tag"]) != 16 or [len(key) for key in keys] not in ([], [16, 16]):
            raise ValueError("service")
        if card["tag"] not in blocked:
            found[card["tag"]] = tuple(keys) or None
    return found


def _papers(values: dict):
    if "ca" not in values:
        return None
    from firmware.trust import Papers  # a bin in the workshop has none

    names = ("ca", "certificate", "private_key")
    papers = Papers(*[binascii.unhexlify(values[name]) for name in names])
    papers.context()  # what cannot be read now would be found out in the street
    return papers


def read(path: str) -> dict:
    """Return the values in a file; SettingsFault if there is none."""
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise SettingsFault(repr(error))


def _are_keys(keys) -> bool:
    try:
        return all([len(binascii.unhexlify(keys[name])) == 32 for name in keys])
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
