"""Settings that the backend sends: tried if they are the network's, in force after a restart.

The restart waits until nobody is there. Loaded when some come, as tuning.py is, and given back.
"""

from firmware.errors import FirmwareError
from firmware.tuning import Tuning


class Retuning:
    """`answer(number, ok, words)` tells the backend, `alarm("settings", why)` whoever looks after
    the bin; `restart()` comes when nobody is there."""

    def __init__(self, folder: str, link, answer, alarm, restart) -> None:
        self._tuning = Tuning(folder)
        self._link = link
        self._answer = answer
        self._alarm = alarm
        self._restart = restart
        self._trying = None  # number of network settings on trial

    @property
    def busy(self) -> bool:
        """Tell whether settings are on trial; else nothing is kept here."""
        return self._trying is not None

    def take(self, jws: str, body: dict) -> None:
        """Apply settings whole or not at all, and answer under their number."""
        number = body["number"]
        if number == self._trying:
            return  # they come once more on the very connection that they made
        try:
            found = self._tuning.judge(body)
            if found is None:
                self._answer(str(number), True, "in force")
            elif found[1]:
                self._tuning.attempt(number)
                self._trying = number
                self._link.attempt(found[0], lambda online: self._tried(online, jws, number))
            else:
                self._tuning.keep(jws, number)
                self._restart()
        except (FirmwareError, OSError) as error:
            self._answer(str(number), False, str(error))
            self._alarm("settings", str(error))

    def _tried(self, online: bool, jws: str, number: int) -> None:
        """Keep settings that brought the bin online. Others are answered when they come again."""
        self._trying = None
        if online:
            self._tuning.keep(jws, number)
            self._restart()
