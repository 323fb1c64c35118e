"""What the backend may have done at the bin from afar, and what it may change.

Orders come checked (orders.py) and are answered in words; settings come checked and are in force
after a restart, which waits until nobody is there. Needs the parts it commands, knows no others.
"""

from firmware import contract
from firmware.errors import FirmwareError, OrderRefused, SettingsFault
from firmware.reader.card import token

TTL_S = 20  # of a question: a person has gone by then
MOST_HISTORY = 500  # records that one order may ask for again
PRINTABLE = "".join([chr(code) for code in range(0x20, 0x7F) if code not in (0x22, 0x5C)])


class Service:
    """`idle()` tells whether nobody is there; `restart()` starts the bin anew when that is so."""

    def __init__(self, tuning, link, visits, scale, journal, idle, restart) -> None:
        self._tuning = tuning
        self._link = link
        self._visits = visits
        self._scale = scale
        self._journal = journal
        self._idle = idle
        self._restart = restart
        self._trying = None  # number of network settings on trial

    def obeys(self) -> dict:
        """Return the commands by name."""
        return {
            "unlock": self._unlock,
            "tare": self._tare,
            "identify": self._identify,
            "resend": self._resend,
            "history": self._history,
            "rotate": self._rotate,
        }

    def answer(self, order_id: str, ok: bool, words: str) -> None:
        """Send the result of an order or of settings."""
        plain = "".join([letter if letter in PRINTABLE else "'" for letter in words[:120]])
        body = {"v": contract.VERSION, "id": order_id, "ok": ok, "words": plain or "done"}
        self._link.say("result", body)

    # --- settings

    def tune(self, jws: str, body: dict) -> None:
        """Apply settings whole or not at all, and answer under their number."""
        number = body["number"]
        if number == self._trying:
            return  # they come once more on the very connection that they made
        try:
            found = self._tuning.judge(body)
            if found is None:
                self.answer(str(number), True, "in force")
            elif found[1]:
                self._tuning.attempt(number)
                self._trying = number
                self._link.attempt(found[0], lambda online: self._tried(online, jws, number))
            else:
                self._tuning.keep(jws, number)
                self._restart()
        except (SettingsFault, FirmwareError, OSError) as error:
            self.answer(str(number), False, str(error))

    def _tried(self, online: bool, jws: str, number: int) -> None:
        """Keep settings that brought the bin online. Others are answered when they come again."""
        self._trying = None
        if online:
            self._tuning.keep(jws, number)
            self._restart()

    # --- orders

    def _unlock(self, args: dict) -> str:
        self._insist_on_nobody()
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
        keys = self._tuning.keys
        hidden = self._link.unsealed(keys.number, args["sealed"])
        keys.add(args["number"], bytes.fromhex(hidden["key"]))
        self._restart()
        return "key " + str(args["number"]) + " signs from the next start on"

    def _insist_on_nobody(self) -> None:
        if not self._idle():
            raise OrderRefused("somebody is at the bin")


class Asking:
    """Asks for the balance of a card; `tell(body)` hears the answer to the last question."""

    def __init__(self, link, keys, random, tell) -> None:
        self._link = link
        self._keys = keys
        self._random = random
        self._tell = tell
        self._nonce = None

    def ask(self, card) -> None:
        """Ask, if there is a network; the person does not wait for it. A secure card's message is
        not used up by a question."""
        if not self._link.online:
            return
        nonce = self._random(16).hex()
        card_key = contract.derive(self._keys.key, contract.CARD)
        body = {"v": contract.VERSION, "nonce": nonce, "session": self._link.number}
        body.update(card=token(card_key, card)(nonce, 0), ttl_s=TTL_S)
        self._nonce = nonce
        self._link.say("ask", body)

    def hear(self, number: int, body: dict) -> None:
        """Take an answer; one to another question is nobody's at this bin."""
        if body["nonce"] == self._nonce:
            self._nonce = None
            self._tell(self._link.unsealed(number, body["body"]))
