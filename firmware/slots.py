"""Which firmware runs: the one in force, one on trial, or the one from the factory.

Read at power-up, before all else, by a copy of this file that no update touches. An update is
tried in one start. Unless that start calls commit(), the next one is the old firmware's again,
whatever ended it: a fault, a watchdog, a cut.
"""

import json
import sys

from firmware.twin import Twin

FACTORY, SLOTS = "factory", ("a", "b")
FILE = "/slots"
START_MS = 120000  # until a trial feeds a watchdog of its own
# slot, version: in force. floor: no version below it may come any more. failed: [version, why] of
# an update that was given up, until somebody has noted it. trial: [slot, version, floor, epoch of
# the journal before, starts].
NEW = {"slot": FACTORY, "version": 0, "floor": 0, "failed": None, "trial": None}


class Slots:
    """The state of the firmware's folders under `root`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._twin = Twin(root + FILE)
        text = self._twin.read()
        self._state: dict = json.loads(text) if text else dict(NEW)

    @property
    def slot(self) -> str:
        """The folder in force."""
        return self._state["slot"]

    @property
    def version(self) -> int:
        """The version in force; 0 is the factory's."""
        return self._state["version"]

    @property
    def floor(self) -> int:
        return self._state["floor"]

    @property
    def failed(self) -> "list | None":
        return self._state["failed"]

    @property
    def trial(self) -> "list | None":
        return self._state["trial"]

    def idle(self) -> str:
        """Return the slot that is not in force, where an update goes."""
        return SLOTS[self._state["slot"] == SLOTS[0]]

    def switch(self, version: int, floor: int, epoch: str) -> None:
        """Let what is in the idle slot be tried at the next start."""
        self._change(trial=[self.idle(), version, floor, epoch, 0], failed=None)

    def choose(self) -> str:
        """Return the slot for this start; to be called once, at power-up."""
        trial = self.trial
        if trial is None:
            return self._state["slot"]
        if trial[4]:
            self.fail("it did not stay up")
            return self._state["slot"]
        self._change(trial=trial[:4] + [1])
        return trial[0]

    def commit(self) -> None:
        """Put the version on trial in force."""
        slot, version, floor, _, _ = self._state["trial"]
        self._change(slot=slot, version=version, floor=max(floor, self.floor), trial=None)

    def fail(self, why: str) -> None:
        """Give the version on trial up."""
        self._change(failed=[self._state["trial"][1], why], trial=None)

    def provision(self, version: int) -> None:
        """Say which version lies in the factory's folder, once it was written by cable."""
        self._change(slot=FACTORY, version=version, failed=None, trial=None)

    def forget_failed(self) -> None:
        """Say that somebody has noted what failed."""
        self._change(failed=None)

    def _change(self, **changes) -> None:
        state = dict(self._state)
        state.update(changes)
        self._twin.write(json.dumps(state))
        self._state = state


def due(root: str, module: str, watchdog=None):
    """Return main() of a module of the firmware that is due; one that cannot be loaded is passed
    over. A trial starts under a `watchdog(timeout=milliseconds)`: one that hangs before it has its
    own would be tried for ever.

    To be called from a folder of its own on sys.path[0], which is taken away again. Whoever calls
    keeps nothing of this file, so that the firmware finds the heap empty.
    """
    loader = sys.path[0]
    slots = Slots(root)
    slot = slots.choose()
    if slots.trial is not None and watchdog is not None:
        watchdog(timeout=START_MS)
    while True:
        sys.path[0] = root + "/" + slot
        forget()
        try:
            return __import__(module, None, None, ("main",)).main
        except Exception as error:
            if slots.trial is None:
                sys.path[0] = loader
                raise
            slots.fail("it cannot be loaded: " + repr(error)[:60])
            slot = slots.choose()


def forget() -> None:
    """Make what is imported now come from the path of now."""
    for name in list(sys.modules):
        if name == "firmware" or name.startswith("firmware."):
            del sys.modules[name]
