"""What the backend may have done at the bin from afar: the commands, by name.

They come checked (orders.py) and are answered in words. Needs the parts it commands, knows no
others. Loaded for one order at a time.
"""

from firmware import passing
from firmware.errors import OrderRefused

MOST_HISTORY = 500  # records that one order may ask for again


class Service:
    """`idle()` tells whether nobody is there; `restart()` starts the bin anew when that is so;
    `put_in_force(jws)` weighs by a signed calibration from now on and returns its number."""

    def __init__(self, keys, link, visits, scale, journal, idle, restart, put_in_force) -> None:
        self._keys = keys
        self._link = link
        self._visits = visits
        self._scale = scale
        self._journal = journal
        self._idle = idle
        self._restart = restart
        self._put_in_force = put_in_force

    def obeys(self) -> dict:
        """Return the commands by name."""
        return {
            "unlock": self._unlock,
            "tare": self._tare,
            "identify": self._identify,
            "calibrate": self._calibrate,
            "resend": self._resend,
            "history": self._history,
            "rotate": self._rotate,
        }

    def _unlock(self, args: dict) -> str:
        from firmware.fitting import let_technicians_in

        self._insist_on_nobody()
        let_technicians_in()
        self._visits.put(("serve",))
        return "unlocked"

    def _identify(self, args: dict) -> str:
        self._insist_on_nobody()
        self._visits.put(("trouble", "identify"))
        return "shown and sounded"

    async def _tare(self, args: dict) -> str:
        self._insist_on_nobody()
        weight = await self._scale.before()
        if weight is None or not weight.stable or not self._idle():
            raise OrderRefused("the scale found no rest")
        self._visits.note("tare", "zero", (weight.mg,), "backend")
        self._scale.zero(weight)
        return str(weight.grams) + " g are zero now"

    def _calibrate(self, args: dict) -> str:
        from firmware.scale import envelope

        jws = envelope.assemble(args, self._keys.device, self._keys.number)
        passing.drop("scale.envelope")
        return "calibration " + str(self._put_in_force(jws)) + " is in force"

    def _resend(self, args: dict) -> str:
        if args:
            return self._history(args)  # a restored backend lacks what was settled, too
        self._link.backlog.rewind()
        self._link.wake()
        return str(self._journal.depth()) + " records are sent again"

    def _history(self, args: dict) -> str:
        epoch, first, last = args["epoch"], args["first"], args["last"]
        if type(epoch) is not str or not 0 <= first <= last < first + MOST_HISTORY:
            raise OrderRefused("at most " + str(MOST_HISTORY) + " records, first to last")
        if self._journal.kept(epoch, first, last) is None:
            raise OrderRefused("none of them is kept any more")
        self._link.backlog.serve(epoch, first, last)
        self._link.wake()
        return "what is kept of them is sent"

    def _rotate(self, args: dict) -> str:
        hidden = self._link.unsealed(self._keys.number, args["sealed"])
        self._keys.add(args["number"], bytes.fromhex(hidden["key"]))
        self._restart()
        return "key " + str(args["number"]) + " signs from the next start on"

    def _insist_on_nobody(self) -> None:
        if not self._idle():
            raise OrderRefused("somebody is at the bin")
