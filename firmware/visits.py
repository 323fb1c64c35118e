"""Does what the station decides: weighs, unlocks, writes, shows, and tells the station.

Inputs wait in a short queue; one task takes them in order. Nothing is shown as saved before the
journal has returned.
"""

import asyncio

from firmware import contract, station
from firmware.errors import FlashFault, JournalFull
from firmware.reader.card import token

QUEUE = 32
MOST_READINGS = 24  # of a record, as the contract has it
WAITING_ALARMS = 8  # alarms that wait for the end of a visit; more are counted as dropped
IN_VISIT = ("opening", "unlocked", "open", "after", "closing")  # the journal holds a visit open
RESTS_S = (2, 10, 60, 300)  # pauses between weighings while nobody is there; the last for ever
AJAR, DAY = 5, 288  # rests: until a lid left open is told, and in a day


class Visits:
    """`saved(record)` is called for every record that is on the flash."""

    def __init__(self, scale, journal, lid, display, settings, saved) -> None:
        self._scale = scale
        self._journal = journal
        self._lid = lid
        self._display = display
        self._settings = settings
        self._saved = saved
        self._card_key = contract.derive(settings.key, contract.CARD)
        self._state = station.IDLE
        self._inputs = []
        self._awake = asyncio.Event()
        self._alarm = 0  # number of the wake-up that counts; older ones are void
        self._weighing = self._ringing = None
        self._silent = False  # the cells, as far as that is written down
        self._late = []  # records that wait until no visit is open in the journal
        self.obstacles = []  # callables: the word for why nobody can be let in, or None
        self.doubts = []  # callables: the flag that a deposit carries now, or None
        self.dropped = 0
        self.staff = _nobody  # tells whether a card may open the technician's mode
        self._refused = False  # a service card was refused, and that is written down
        self.ask = _nobody  # asks for the balance of a card
        self._balance = None  # an answer that came before the lid was unlocked
        self.turns = self.rests = 0  # what the supervisor watches grow
        self._forced = self._moved = -DAY  # rests when a forced lid, a restless scale was told
        self._ajar = 0  # rests since the lid was shut last

    @property
    def idle(self) -> bool:
        """Tell whether nobody is there, nor reads the display any more."""
        return self._state.phase == "idle"

    @property
    def left_open(self) -> bool:
        """Tell whether the lid has been open for long with nobody there."""
        return self.idle and self._ajar >= AJAR

    @property
    def takes_cards(self) -> bool:
        return self._state.phase in ("idle", "saved", "menu")

    def put(self, event: tuple) -> None:
        """Hand an input to the station."""
        if len(self._inputs) < QUEUE:
            self._inputs.append(event)
        else:
            self.dropped += 1
        self._awake.set()

    async def run(self) -> None:
        self.put(("wake", self._alarm))  # says welcome
        while True:
            while self._inputs:
                self._step(self._inputs.pop(0))
            self._awake.clear()
            await self._awake.wait()

    def _step(self, event: tuple) -> None:
        if event[0] != "alive" or self._state.phase not in ("before", "after"):
            self.turns += 1  # while a weight is awaited nothing else is progress
        if event[0] == "balance" and self._state.phase in ("before", "opening"):
            self._balance = event
            return
        if event[0] == "wake" and event[1] != self._alarm:
            return
        if event[0] == "lid" and event[1]:
            self._scale.disturbed()
        if event[0] == "card":
            event = self._admitted(event)
        self._state, actions = station.step(self._state, event, self._limits())
        for action in actions:
            getattr(self, "do_" + action[0])(*action[1:])
        if self._balance is not None and self._state.phase in ("unlocked", "idle"):
            event, self._balance = self._balance, None
            self._step(event)
        while self._late and self._free():
            self._append(*self._late.pop(0))

    def _admitted(self, event: tuple) -> tuple:
        """Return what a card means: service, a visit, or the word for why it is neither."""
        serves = self.staff(event[1])
        if serves is None:
            obstacle = self._obstacle()
            return event if obstacle is None else ("blocked", obstacle)
        if serves:
            self._refused = False
            return ("service", event[1])
        if not self._refused:
            self._refused = True
            self.alarm("service card refused")
        return ("blocked", "service_refused")

    def _obstacle(self) -> "str | None":
        found = [word for word in [obstacle() for obstacle in self.obstacles] if word]
        return found[0] if found else None

    def _limits(self):
        """Return what the scale may say now: a tare leaves less of Max."""
        settings = self._settings
        return station.Limits(settings.min_g, settings.max_g - self._scale.zero_g)

    def _free(self) -> bool:
        """Tell whether no visit is open in the journal, so that other records may be written."""
        return self._state.phase not in IN_VISIT

    def do_show(self, word: str, values: tuple) -> None:
        self._display.show(word, values)

    def do_weigh(self) -> None:
        if self._scale.calibration is None:
            self.put(("refused", "not_calibrated"))
            return
        after = self._state.phase in ("after", "emptied")
        if self._weighing is not None:
            self._weighing.cancel()  # of a lid that was opened again
        self._weighing = asyncio.create_task(self._weigh(after))

    def do_open(self, card, before) -> None:
        try:
            fraction = self._settings.fractions[0]
            hides = token(self._card_key, card)
            self.put(("opened", self._journal.open_visit(hides, fraction, before.grams)))
        except JournalFull:
            self.put(("refused", "journal_full"))
        except (FlashFault, OSError):
            self.put(("refused", "flash_failed"))

    def do_close(self, before, after, flags: list) -> None:
        if self._scale.restless and "unstable" not in flags:
            flags = flags + ["unstable"]
        if self._scale.doubt:
            flags = flags + ["uncalibrated"]
        if self._journal.near_full():
            flags = flags + ["journal_near_full"]
        flags = flags + [flag for flag in [doubt() for doubt in self.doubts] if flag]
        fields = {"after_g": after.grams, "p2p_g": after.p2p_g, "n": after.n, "flags": flags}
        fields["e_g"] = self._settings.e_g
        record = self._close("deposit", fields)
        if record is not None:
            net_g = after.grams - before.grams
            self.put(("saved", (record.epoch, record.seq), net_g, flags))

    def do_interrupt(self) -> None:
        self._close("interrupted", {})

    def _close(self, kind: str, fields: dict):
        try:
            record = self._journal.close_visit(kind, fields)
        except (JournalFull, FlashFault, OSError):
            self.put(("refused", "flash_failed"))
            return None
        self._saved(record)
        return record

    def do_ask(self, card) -> None:
        self._balance = None
        self.ask(card)

    def do_zero(self, card, weight) -> None:
        self.note("tare", "zero", (weight.mg,), token(self._card_key, card))
        self._scale.zero(weight)

    def do_emptied(self, card, before, after) -> None:
        who = token(self._card_key, card)
        if before is None or after is None:
            self.note("alarm", "emptied unweighed", (), who)
            return
        flags = [] if before.stable and after.stable else ["unstable"]
        fields = {"who": who, "before_g": before.grams, "after_g": after.grams, "flags": flags}
        fields["container"] = self._settings.fractions[0]
        try:
            self._saved(self._journal.append("emptied", fields))
        except (JournalFull, FlashFault, OSError):
            self.put(("trouble", "flash_failed"))

    def do_unlock(self) -> None:
        self._lid.unlock()

    def do_lock(self) -> None:
        self._lid.lock()

    def do_wake(self, seconds: "int | None") -> None:
        self._alarm += 1
        if seconds is not None:
            self._ringing = asyncio.create_task(self._ring(seconds, self._alarm))

    async def _ring(self, seconds: int, number: int) -> None:
        await asyncio.sleep(seconds)
        self.put(("wake", number))

    async def _weigh(self, after: bool) -> None:
        weight = await (self._scale.after() if after else self._scale.before())
        self._hear_cells()
        self.put(("weight", weight))

    def _hear_cells(self) -> None:
        """Tell once that a cell is silent, or speaks again."""
        if self._scale.silent != self._silent:
            self._silent = self._scale.silent
            self.alarm("cell silent" if self._silent else "cell speaks")

    async def rest(self) -> None:
        """Weigh now and then while nobody is there, for ever."""
        turn, doubt = 0, None
        while True:
            await asyncio.sleep(RESTS_S[min(turn, len(RESTS_S) - 1)])
            turn += 1
            self.rests += 1
            if self._scale.doubt != doubt:
                doubt = self._scale.doubt
                self.alarm("calibration " + (doubt or "in force"))
            self._look_at_lid()
            if self.alone():
                before = self._scale.restless
                await self._scale.rest(self.alone)
                self._hear_cells()
                restless = self._scale.restless and not before and self.alone()
                if restless and self.rests - self._moved >= DAY:  # wind would fill the flash
                    self._moved = self.rests
                    self.alarm("scale restless")

    def _look_at_lid(self) -> None:
        """Tell of a lid that stays open with nobody there, or of its switch; and of its end."""
        ajar = self._lid.is_open() and self.takes_cards
        if self._ajar >= AJAR and not ajar:
            self.alarm("lid shut")
        self._ajar = self._ajar + 1 if ajar else 0
        if self._ajar == AJAR:
            self.alarm("lid open")

    def alone(self) -> bool:
        """Tell whether nobody is in the middle of a visit and the lid is shut."""
        return self.takes_cards and not self._lid.is_open()

    def alarm(self, what: str, readings: tuple = (), by: str = "bin") -> None:
        """Write down what a technician should look at; after the visit, if one is open."""
        self._later("alarm", what, readings, by)

    def do_tamper(self, what: str) -> None:
        """Write it down once between two rests: a switch with a loose wire would fill the flash."""
        if self.rests != self._forced:
            self._forced = self.rests
            self._later("tamper", what, (), "bin")

    def do_dark(self) -> None:
        if self._settings.dark:
            self._display.dark()

    def note(self, kind: str, what: str, readings: tuple, by) -> None:
        """Write a record of something done; after the visit, if one is open."""
        self._later(kind, what, readings, by)

    def _later(self, *record) -> None:
        if len(self._late) < WAITING_ALARMS:
            self._late.append(record)
        else:
            self.dropped += 1
        self.put(("record",))  # the station knows no such input; records are written after each

    def _append(self, kind: str, what: str, readings: tuple, by) -> None:
        try:
            fields = {"what": what, "by": by, "readings": list(readings)[:MOST_READINGS]}
            self._saved(self._journal.append(kind, fields))
        except (JournalFull, FlashFault, OSError):
            pass  # the next one may find room


def _nobody(card) -> "bool | None":
    """Nobody is asked, and nobody serves."""
    return None
