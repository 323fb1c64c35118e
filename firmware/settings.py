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
from firmware.trust import Papers

READERS = ("mfrc522", "pn532")
LANGUAGES = ("en", "ar", "fr")  # of firmware/frames


class Settings:
    def __init__(self, values: dict) -> None:
        try:
            self.device = values["device"]
            self.key = binascii.unhexlify(values["key"])
            self.key_number = values["key_number"]
            self.keys = {self.key_number: self.key}  # all that anything may be signed under
            self.fractions = values["fractions"]
            self.host = values["host"]
            self.port = values["port"]
            self.papers = _papers(values)
            self.user = values.get("user")
            self.password = values.get("password")
            self.e_g = values["e_g"]
            self.min_g = values["min_g"]
            self.max_g = values["max_g"]
            self.language = values.get("language", "en")
            self.own_digits = values.get("own_digits", False)
            self.scale = values.get("scale", 2)  # decimals of the town's credit
            self.reader = values.get("reader", "mfrc522")
            self.lid_safe = values.get("lid_safe", "locked")
            self.model = values.get("model", "bin-a")  # whose firmware fits
            self.update_keys = values.get("update_keys", {})  # who may sign it: {name: hex}
            self.dark = values.get("dark", False)
            self.battery = _part(values.get("battery"), "ratio_x1000 low_mv least_mv")
            self.service = _service(values)
            self.fill = _part(values.get("fill"), "empty_mm full_mm")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SettingsFault(repr(error))
        self._check()

    def _check(self) -> None:
        known = self.fractions and all([f in contract.FRACTIONS for f in self.fractions])
        ranges = 0 < self.e_g <= self.min_g < self.max_g
        if not contract.is_device(self.device) or len(self.key) != 32 or not known or not ranges:
            raise SettingsFault("device, key, fractions or ranges")
        if type(self.host) is not str or not self.host or type(self.port) is not int:
            raise SettingsFault("host or port")
        if type(self.scale) is not int or not 0 <= self.scale <= 4:
            raise SettingsFault("scale is 0 to 4 decimals")
        if not _are_keys(self.update_keys):
            raise SettingsFault("update_keys: 64 hex digits by name")
        if self.reader not in READERS:
            raise SettingsFault("reader")
        if self.language not in LANGUAGES:
            raise SettingsFault("language is one of " + ", ".join(LANGUAGES))
        if self.lid_safe not in SAFE:
            raise SettingsFault("lid_safe is one of " + ", ".join(SAFE))
        battery, fill = self.battery, self.fill
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


def _papers(values: dict) -> "Papers | None":
    if "ca" not in values:
        return None
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


def load(path: str) -> Settings:
    """Return the settings in a file; SettingsFault if they are not whole."""
    return Settings(read(path))


def _are_keys(keys) -> bool:
    try:
        return all([len(binascii.unhexlify(keys[name])) == 32 for name in keys])
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
