"""The calibration in force: a signed, numbered record on the device's own flash.

What reads its envelope (envelope.py) is loaded for a start and for a new one. Only a higher number
takes the place of the one in force.
"""

from firmware import contract
from firmware.errors import CalibrationRefused
from firmware.twin import Twin

FILE, NOTED = "/calibration", "/calibration-noted"


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
        from firmware.scale import envelope

        settings = self._settings
        try:
            number = contract.number_of(jws, envelope.TYPE)
        except contract.ContractError as error:
            raise CalibrationRefused(str(error))
        key = settings.keys.get(number)  # a calibration outlives the key it was signed under
        if key is None:
            raise CalibrationRefused("it was made for another device or key")
        found = envelope.read(jws, key, settings.device, number)
        if len(found.cells) != self._cells:
            raise CalibrationRefused("it is of another number of cells")
        return found
