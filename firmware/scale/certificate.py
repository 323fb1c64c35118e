"""The calibration as a signed, numbered record, and the one in force on the device's own flash.

An envelope like all others (contract), of type `farz.calibration`, under the key that signs what
goes down to this one device: it fits no other bin. It has no topic: it travels over the cable as it
is, and in the command `calibrate` as {"body", "signature"}, from which it is put together again.
It is verified before it is kept; only a higher number takes the place of the one in force.
"""

from firmware import contract
from firmware.errors import CalibrationRefused, SettingsFault
from firmware.scale import calibration
from firmware.twin import Twin

TYPE = "calibration"
FILE, NOTED = "/calibration", "/calibration-noted"


def read(jws: str, key: bytes, device: str, key_number: int):
    """Return the Calibration of an envelope; CalibrationRefused says in words why it is none."""
    try:
        parts = contract.split(jws, TYPE)
        if (parts.device, parts.number) != (device, key_number):
            raise CalibrationRefused("it was made for another device or key")
        contract.verify(parts, contract.derive(key, contract.DOWN))
        return checked(contract.parse_json(parts.payload))
    except contract.ContractError as error:
        raise CalibrationRefused(str(error))


def assemble(args: dict, device: str, key_number: int) -> str:
    """Return the envelope that a command carries as {"body": {...}, "signature": "..."}."""
    try:
        payload = contract.canonical(args["body"]).encode()
        signed = contract.signing_input(device, key_number, TYPE, payload)
        return signed.decode() + "." + args["signature"]
    except (KeyError, TypeError, contract.ContractError):
        raise CalibrationRefused("body or signature is missing")


class Certificate:
    """The calibration in force; `current` is None until there was one. `cells` converters are
    there, and each must be calibrated."""

    def __init__(self, folder: str, settings, cells: int) -> None:
        self._settings = settings
        self._cells = cells
        self._twin = Twin(folder + FILE)
        self._noted = Twin(folder + NOTED)
        self.refused = ""  # why the newest on the flash is not in force
        self.current = None
        for jws in self._twin.texts():
            try:
                found = self._read(jws)
                if self.current is None or found.number > self.current.number:
                    self.current = found
            except CalibrationRefused as refusal:
                self.refused = self.refused or str(refusal)

    def take(self, jws: str):
        """Put a calibration in force and return it; CalibrationRefused keeps the old one."""
        found = self._read(jws)
        if self.current is not None and found.number <= self.current.number:
            number = str(self.current.number)
            raise CalibrationRefused("number " + number + " is in force; a new one must be higher")
        self._twin.write(jws)
        self.current = found
        return found

    def unnoted(self) -> "dict | None":
        """Return the fields of the journal's record of a change that is not in it yet, or None."""
        found = self.current
        if found is None or self._noted.read() == str(found.number):
            return None
        readings = [found.number, int(found.passed), found.from_s, found.until_s or 0]
        for cell in found.cells:
            readings += [cell.zero, cell.counts, cell.mg // 1000]
        what = "in force" if found.passed else "failed"
        return {
            "what": what,
            "by": (found.by + " " + found.seal).strip(),
            "readings": readings[:24],
        }

    def note(self, number: int) -> None:
        """Remember that the change to this number is in the journal."""
        self._noted.write(str(number))

    def _read(self, jws):
        settings = self._settings
        try:
            number = contract.number_of(jws, TYPE)
        except contract.ContractError as error:
            raise CalibrationRefused(str(error))
        key = settings.keys.get(number)  # a calibration outlives the key it was signed under
        if key is None:
            raise CalibrationRefused("it was made for another device or key")
        found = read(jws, key, settings.device, number)
        if len(found.cells) != self._cells:
            raise CalibrationRefused("it is of another number of cells")
        return found


_TESTS = {
    "v": lambda v: v == contract.VERSION,
    "passed": lambda v: type(v) is bool,
    "limits": lambda v: type(v) is list and len(v) == 3 and all([type(i) is int for i in v]),
    "from_s": lambda v: type(v) is int and 0 <= v < 1 << 40,
    "until_s": lambda v: v is None or (type(v) is int and 0 <= v < 1 << 40),
    "seal": lambda v: type(v) is str and 0 < len(v) <= 32,
    "by": lambda v: type(v) is str and 0 < len(v) <= 64,
}


def checked(body: dict):
    """Return the Calibration of a body, or raise CalibrationRefused."""
    if type(body) is not dict:
        raise CalibrationRefused("it is no object")
    for name in _TESTS:
        if name not in body or not _TESTS[name](body[name]):
            raise CalibrationRefused(name + " is missing or out of its range")
    try:
        return calibration.calibration(**{name: body[name] for name in calibration.FIELDS.split()})
    except (KeyError, TypeError, ValueError, SettingsFault):
        raise CalibrationRefused("it could not weigh")
