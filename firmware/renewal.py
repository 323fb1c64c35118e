"""What the bin does about updates of itself: takes pieces, proves a trial, tells what became of it.

The heavy part (ota.py) is loaded only while there is something to do. A trial must prove itself
within HEALTH_S or the next start is the old firmware's again.
"""

import asyncio

from firmware.errors import FirmwareError, FlashFault, JournalFull, UpdateRefused
from firmware.slots import Slots

HEALTH_S = 300


class Renewal:
    """`checks()` returns what makes a healthy bin; `restart()` starts anew when nobody is there,
    `board.restart()` at once; `saved(record)` hears of every record."""

    def __init__(self, board, settings, journal, checks, saved, restart) -> None:
        self._board = board
        self._settings = settings
        self._journal = journal
        self._checks = checks
        self._saved = saved
        self._restart = restart
        self.slots = Slots(board.folder)
        self._update = self._of = None

    @property
    def busy(self) -> bool:
        """Tell whether an update comes or is on trial; else nothing is kept here."""
        return self._update is not None or self.slots.trial is not None

    async def run(self) -> None:
        """Tell of an update that failed; let one on trial prove itself."""
        if self.slots.failed is not None:
            version, why = self.slots.failed
            if self._tell("update " + str(version) + " given up", why):
                try:
                    self.slots.forget_failed()
                except (FlashFault, OSError):
                    pass  # it is told once more at the next start
        if self.slots.trial is not None and self.slots.trial[4]:
            await self._prove()

    def take(self, args: dict) -> str:
        """Take one piece of a bundle; return how far it came, in words.

        args: {"at", "data", "of"?}, `of` being what the sender calls this bundle. Without any it
        is a question for what is in force, and for the piece that a bundle goes on with.
        """
        if not args:
            return self._state()
        from firmware import ota

        at, data = ota.pieces(args)
        if at == 0 or self._update is None or self._of != args.get("of"):
            self._of = args.get("of")
            floor = max(self.slots.floor, self._board.floor())
            settings, epoch = self._settings, self._journal.epoch
            keys = settings.update_keys
            self._update = ota.Update(self.slots, keys, settings.model, floor, epoch)
        try:
            done = self._update.feed(at, data)
        except UpdateRefused:
            if at <= self._update.taken:  # a piece that came out of turn spoils nothing
                self._update = None
            raise
        if done:
            self._restart()
        return "complete" if done else "next " + str(self._update.taken)

    def _state(self) -> str:
        slots, update = self.slots, self._update
        words = "version " + str(slots.version) + " in force"
        if slots.trial is not None:
            words += ", " + str(slots.trial[1]) + " on trial"
        elif update is not None and type(self._of) is str:
            words += ", next " + str(update.taken) + " of " + self._of[:32]
        return words

    async def _prove(self) -> None:
        _, version, _, epoch, _ = self.slots.trial or ("", 0, 0, "", 0)
        self._tell("update " + str(version) + " on trial", "bin")  # its way is the round trip
        checks = self._checks()
        checks["journal kept"] = lambda: self._journal.epoch == epoch
        missing = await prove(checks, asyncio.sleep, HEALTH_S)
        if missing:
            self.slots.fail("not well: " + ", ".join(missing))
            self._board.restart()
            return
        self.slots.commit()
        self._board.raise_floor(self.slots.floor)
        self._tell("update " + str(version) + " in force", "bin")

    def _tell(self, what: str, by: str) -> bool:
        try:
            fields = {"what": what, "by": by[:120], "readings": []}
            self._saved(self._journal.append("alarm", fields))
            return True
        except (JournalFull, FlashFault, OSError, FirmwareError):
            return False


async def prove(checks: dict, pause, limit_s: int) -> list:
    """Wait until all checks hold at once, at most so long; return the names of those that do not.

    checks: {name: function that tells whether it is well}. `pause(seconds)` waits.
    """
    missing = list(checks)
    for _ in range(limit_s):
        missing = [name for name in checks if not checks[name]()]
        if not missing:
            break
        await pause(1)
    return missing
