"""Settings over the air: signed, numbered, applied whole or not at all.

The newest envelope in force lies on the flash as it came and is laid over settings.json at each
start. What concerns the network is tried first: its number is given up beforehand, and taken back
only when the bin is online with it. So neither a cut nor wrong settings can lock the bin out.
"""

from firmware import contract
from firmware.errors import SettingsFault
from firmware.keys import Keys
from firmware.settings import Settings, checked, read
from firmware.twin import Twin

FILE, TRIED = "/tuning", "/tuning-tried"
NETWORK = ("host", "port", "ca", "certificate")
CHANGEABLE = NETWORK + ("fractions", "language", "own_digits", "scale", "dark", "service_blocked")


class Tuning:
    """What is in force: `settings`, their `number` (0: as provisioned), and the `keys`.

    Raises SettingsFault if settings.json in `folder` is not whole.
    """

    def __init__(self, folder: str) -> None:
        self._path = folder + "/settings.json"
        provisioned = checked(read(self._path))
        keys = self.keys = Keys(folder, provisioned)
        self._twin = Twin(folder + FILE)
        self._tried = Twin(folder + TRIED)
        self.number, found = 0, None
        for jws in self._twin.texts():
            try:
                body = keys.opened(jws, "settings")[1]
                if found is None:
                    self.number, found = body["number"], self._laid(body["values"])
            except (contract.ContractError, SettingsFault):
                pass  # the older one, or none: what cannot be verified is not in force
        self.settings: Settings = found or provisioned
        self.adopt()

    def adopt(self) -> None:
        """Let the settings name the key that signs now."""
        self.settings.key, self.settings.key_number = self.keys.key, self.keys.number
        self.settings.keys = self.keys.known()

    def judge(self, body: dict) -> "tuple | None":
        """Return (new Settings, whether they must be tried) for the body of a checked envelope.

        None if they are in force already. Raises SettingsFault with the reason for refusing them.
        """
        number = body["number"]
        if number == self.number:
            return None
        if number < self.number:
            raise SettingsFault("number " + str(self.number) + " is in force, a new one is higher")
        if self._tried.read() == str(number):
            raise SettingsFault("given up: the bin did not come online with them")
        changed = self._laid(body["values"])
        return changed, any([_of(changed, name) != _of(self.settings, name) for name in NETWORK])

    def attempt(self, number: int) -> None:
        """Give a number up before it is tried."""
        self._tried.write(str(number))

    def keep(self, jws: str, number: int) -> None:
        """Put settings in force from the next start on."""
        self._twin.write(jws)
        self.number = number

    def _laid(self, values: dict) -> Settings:
        for name in values:
            if name not in CHANGEABLE:
                raise SettingsFault(name + " is not changed from afar")
        whole = read(self._path)
        whole.update(values)
        return checked(whole)


def _of(settings: Settings, name: str):
    """Return a network setting in a form that can be compared."""
    papers = settings.papers
    if name in ("ca", "certificate"):
        return None if papers is None else getattr(papers, name)
    return getattr(settings, name)
