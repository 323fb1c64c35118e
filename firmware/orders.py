"""Commands of the backend: checked, obeyed once, and answered in words.

An order holds in one session and until a moment; its number grows. What is refused is answered
like what was done, with the reason.
"""

from firmware.errors import FirmwareError, OrderRefused

WAITING = 8  # orders at most that wait for their turn
WORDS = 120  # characters of a result


class Orders:
    """`obeys` maps a command's name to a function, or coroutine function, of its arguments that
    returns what to tell; `at_s()` is Unix time or None; `answer(id, ok, words)` sends results;
    `alarm("command", why)` hears of orders that came at a wrong time or too often; `news()` of each
    that waits for obey()."""

    def __init__(self, obeys: dict, at_s, answer, alarm, news) -> None:
        self._obeys = obeys
        self._at_s = at_s
        self._answer = answer
        self._alarm = alarm
        self._session = None
        self._last = 0  # number of the last order of this session
        self._waiting = []
        self._news = news

    def take(self, body: dict, session: int) -> None:
        """Queue the body of a checked envelope that came in a session, or answer why not."""
        if session != self._session:
            self._session, self._last, self._waiting = session, 0, []
        try:
            self._check(body, session)
        except OrderRefused as refusal:
            self._answer(body["id"], False, str(refusal))
            self._alarm("command", str(refusal))
            return
        self._last = int(body["id"])
        self._waiting.append(body)
        self._news()

    async def obey(self) -> None:
        """Obey what waits."""
        while self._waiting:
            await self._obey(self._waiting.pop(0))

    def _check(self, body: dict, session: int) -> None:
        at_s = self._at_s()
        if body["session"] != session:
            raise OrderRefused("it was given for another session")
        if not body["id"].isdigit() or int(body["id"]) <= self._last:
            raise OrderRefused("it was obeyed before: an order counts once")
        if at_s is None:
            raise OrderRefused("the clock is not set, so it may be too old")
        if at_s >= body["expires_s"]:
            raise OrderRefused("it has expired")
        if body["name"] not in self._obeys:
            raise OrderRefused("this bin cannot do that")
        if len(self._waiting) >= WAITING:
            raise OrderRefused("too many orders wait")

    async def _obey(self, body: dict) -> None:
        try:
            done = self._obeys[body["name"]](body["args"])
            words = done if type(done) is str else await done
            self._answer(body["id"], True, words[:WORDS])
        except MemoryError:
            self._answer(body["id"], False, "no memory for it now: ask again")
        except Exception as error:  # no order, however wrong, ends the bin
            why = str(error) if isinstance(error, FirmwareError) else "it failed: " + repr(error)
            self._answer(body["id"], False, (why or repr(error))[:WORDS])
