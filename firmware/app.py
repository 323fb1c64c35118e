"""Wiring: a board and settings become drivers, drivers become tasks. Knows all other files.

A board gives pins, buses, flash, ticks and randomness; boards/esp32.py says which.
"""

import asyncio
import gc
from collections import namedtuple

from firmware import contract, journal, passing, pictures, records, ring
from firmware.asking import Asking
from firmware.cipher import decrypt
from firmware.clock import Clock
from firmware.display import SSD1306, Buzzer, Display
from firmware.errors import FlashFault, JournalFull, LinkFault
from firmware.lid import Lid
from firmware.link import Link
from firmware.reader.watch import CardWatch
from firmware.scale import calibration, certificate, hx711, platform, weighing
from firmware.supervisor import LastWords, Supervisor, plain
from firmware.twin import Twin
from firmware.visits import Visits

POLL_MS, TIRED_POLL_MS = 100, 400  # how often card and lid are looked at; on a low battery
LOOK_S = 600  # between two looks at fill and battery
TELEMETRY_S = 900
OBEY_S = 120  # the longest order, a tare that finds no rest, is refused long before
SYNC_S = 3600
DECIDED_S = 600  # an update on trial has proved itself, or was given up, long before
LONGEST_ANSWER = 120  # characters
REFUSED = {"command": "order_refused", "settings": "settings_refused"}  # the display's words
ALARM_AGAIN_MS = 24 * 3600 * 1000
# The code whose hash a record carries: all that stands between the cell and the flash.
WEIGHING = (hx711, weighing, platform, calibration, certificate, records, ring, journal, contract)
Parts = namedtuple("Parts", "settings fw certificate scale lid display reader")


class App:
    def __init__(self, board, tuning) -> None:
        from firmware import fingerprint, fitting  # given back when all is built
        from firmware.scale import envelope

        self._board = board
        self._settings = settings = tuning.settings
        self._keys = keys = tuning.keys
        self._clock = Clock(board.ticks_ms, Twin(board.folder + "/clock"))
        self.last_words = LastWords(board.folder)
        self._restarted = self.last_words.read() or board.reset_cause()
        self._turns = {"lid": 0, "yard": 0, "clock": 0, "report": 0, "orders": 0, "restart": 0}
        self._alarms = {}  # word of a trouble with the link: when it was last written down
        self._fw = fingerprint.fingerprint(WEIGHING + (envelope,))
        self._update_due = fitting.is_update_due(board.folder)
        self._certificate = certificate.Certificate(board.folder, settings, len(board.cells))
        self.journal = self._open_journal()
        if keys.next is not None:
            self._end_key(tuning)
        self._lid = Lid(board.lid_lock, board.lid_switch, settings.lid_safe)
        clock, current = self._clock, self._certificate.current
        self._scale = platform.of_board(
            board, settings, current, clock.up_ms, clock.at_s, Twin(board.folder + platform.TARE)
        )
        words = pictures.Pictures(pictures.path(settings.language), settings.own_digits)
        sound = Buzzer(board.buzzer)
        self.display = Display(SSD1306(board.i2c), words, settings.scale, self._say, sound)
        parts = (self._scale, self.journal, self._lid, self.display)
        self.visits = Visits(*parts, settings, self._saved)
        self._power, self._fill = fitting.power(board, settings), fitting.fill(board, settings)
        eyes = [eye for eye in (self._power, self._fill) if eye is not None]
        self.visits.obstacles = [eye.obstacle for eye in eyes]
        self.visits.doubts = [] if self._power is None else [self._power.flag]
        self.reader = fitting.reader(board, settings.reader)
        self.visits.staff = fitting.staff(board, settings) or self.visits.staff
        self._cards = CardWatch(self.reader, self._clock.up_ms, self.visits.put, self.visits.alarm)
        about = (settings, keys, self.journal, self._about, self._clock.up_ms)
        self.link = Link(*about, board.random, decrypt, self._note)
        self._leaving = asyncio.Event()  # a restart is wanted
        self._orders = self._retuning = self._renewal = None  # until they are wanted
        self._called = asyncio.Event()  # the backend has spoken
        self._listen()
        passing.drop(
            "survey", "fingerprint", "fitting", "settings", "tuning", "slots", "scale.envelope"
        )

    def _listen(self) -> None:
        """Connect what comes down with what it is about."""
        link, visits = self.link, self.visits

        def tell(body: dict) -> None:
            visits.put(("balance", body["balance"], body["why"]))

        asking = Asking(link, self._keys, self._board.random, tell)
        visits.ask = asking.ask
        link.hears["command"] = self._command
        link.hears["settings"] = self._tune
        link.hears["answer"] = lambda jws, number, body: asking.hear(number, body)

    def _command(self, jws: str, number: int, body: dict) -> None:
        if self._orders is None:
            from firmware.orders import Orders

            obeys = {name: self._served(name) for name in contract.COMMANDS}
            obeys["update"] = self.renew
            says = (self._answer, self._refused, self._called.set)
            self._orders = Orders(obeys, self._clock.at_s, *says)
        self._orders.take(body, self.link.number)

    def _served(self, name: str):
        """Return what obeys a command, and loads for that alone how."""

        def serve(args: dict):
            from firmware.service import Service

            passing.drop("service")
            parts = (self._keys, self.link, self.visits, self._scale, self.journal)
            does = (self._alone, self._leaving.set, self.put_in_force)
            return Service(*parts, *does).obeys()[name](args)

        return serve

    def _tune(self, jws: str, number: int, body: dict) -> None:
        if self._retuning is None:
            from firmware.retuning import Retuning

            says = (self._answer, self._refused)
            self._retuning = Retuning(self._board.folder, self.link, *says, self._leaving.set)
        self._retuning.take(jws, body)
        if not self._retuning.busy:
            self._retuning = None
            passing.drop("retuning", "tuning", "settings")

    def _answer(self, order_id: str, ok: bool, words: str) -> None:
        """Send the result of an order or of settings."""
        said = plain(words, LONGEST_ANSWER) or "done"
        self.link.say("result", {"v": contract.VERSION, "id": order_id, "ok": ok, "words": said})

    def renew(self, args: dict) -> str:
        """Take a piece of an update; return how far it came, or raise UpdateRefused."""
        try:
            return self._renewed().take(args)
        finally:
            self._put_away()

    def _renewed(self):
        """Return what the bin does about updates of itself: loaded when there is one."""
        if self._renewal is None:
            from firmware.renewal import Renewal

            about = (self._board, self._settings, self.journal, self.checks)
            self._renewal = Renewal(*about, self._saved, self._leaving.set)
        return self._renewal

    def _put_away(self) -> None:
        """Give back what an update needed, once there is none."""
        if self._renewal is not None and not self._renewal.busy:
            self._renewal = None
            passing.drop("renewal", "slots", "ota", "unpacking")

    def _open_journal(self) -> journal.Journal:
        who = journal.Identity(self._settings.device, self._keys.number, self._fw)
        return journal.Journal(self._board.flash, who, self._board.random, self._common)

    def _end_key(self, tuning) -> None:
        """End the old key by its last record, before anything else is written under either."""
        keys = self._keys
        fields = {"what": "ended", "by": "backend", "readings": [keys.number, keys.next]}
        try:
            # After a cut between the two the record is there already.
            if not self.journal.ends_with("key", fields["readings"]):
                self.journal.append("key", fields)
            keys.switch()
        except (JournalFull, FlashFault, OSError):
            return  # the old key signs on until the next start
        tuning.adopt()
        self.journal = self._open_journal()

    async def run(self) -> None:
        """Run all tasks for ever; the first that fails ends them all, and the board starts anew."""
        self.note_calibration()
        await asyncio.gather(
            self.visits.run(),
            self.visits.rest(),
            self._supervised().run(),
            self._watch(),
            self._look_around(),
            self._keep_time(),
            self._report(),
            self.link.run(),
            self._obey(),
            self._start_anew(),
            self._renew(),
            self._board.run(),
        )

    def _supervised(self):
        """Return who feeds the watchdog, with all tasks under its eye."""
        board, visits, link, turns = self._board, self.visits, self.link, self._turns
        guard = Supervisor(board.watchdog(), board.FEED_S, self._clock.up_ms, self.last_words.write)
        guard.watch("visits", lambda: visits.turns, 60, lambda: visits.put(("alive",)))
        guard.watch("link", lambda: link.turns, 600, link.wake)
        guard.watch("rest", lambda: visits.rests, 900)
        guard.watch("lid", lambda: turns["lid"], board.LONGEST_DOZE_S + 10)
        guard.watch("yard", lambda: turns["yard"], 2 * LOOK_S)
        guard.watch("clock", lambda: turns["clock"], 2 * SYNC_S)
        guard.watch("report", lambda: turns["report"], 2 * TELEMETRY_S)
        guard.watch("orders", lambda: turns["orders"], OBEY_S, self._called.set)
        guard.watch("restart", lambda: turns["restart"], 2 * LOOK_S)
        # Changes all the time, but not before an update that was due is decided.
        guard.watch("renewal", lambda: not self._update_due and self._clock.up_ms(), DECIDED_S)
        for watched in board.watched:
            guard.watch(*watched)
        return guard

    # --- what others ask of the moment

    def _common(self) -> dict:
        clock = self._clock
        body = {"at_s": clock.at_s(), "clock": clock.quality(), "up_ms": clock.up_ms()}
        body.update(cal=self._cal(), flags=[], temp_c10=self._board.temp_c10())
        return body

    def _about(self) -> dict:
        settings, clock = self._settings, self._clock
        body = {"fw": self._fw, "cal": self._cal(), "e_g": settings.e_g}
        body.update(min_g=settings.min_g, max_g=settings.max_g, fractions=settings.fractions)
        body.update(at_s=clock.at_s(), clock=clock.quality(), restarted=self._restarted)
        return body

    def _cal(self) -> int:
        """Return the number of the calibration in force; 0 is none."""
        current = self._certificate.current
        return 0 if current is None else current.number

    def put_in_force(self, jws: str) -> int:
        """Weigh by a signed calibration from now on; return its number, or raise as above."""
        self._scale.calibrate(self._certificate.take(jws))
        passing.drop("scale.envelope")
        self.note_calibration()
        return self._cal()

    def parts(self) -> Parts:
        """Return what a technician asks one by one over the cable."""
        found = (self._settings, self._fw, self._certificate, self._scale, self._lid)
        return Parts(*found, self.display, self.reader)

    def checks(self) -> dict:
        """Return what makes a healthy bin: {name: function that tells whether it is well now}."""
        return {
            "scale": lambda: self._scale.calibration is None or not self._scale.restless,
            "reader": lambda: self._cards.alive,
            "journal": lambda: self.journal.takes_records,
            "link": lambda: self.link.online and self.link.counts.get("recorded", 0) > 0,
        }

    # --- what happened

    def note_calibration(self) -> None:
        """Write a change of calibration into the journal, once; after a cut perhaps once more."""
        fields = self._certificate.unnoted()
        if fields is not None:
            try:
                self._saved(self.journal.append("calibration", fields))
                self._certificate.note(self._cal())
            except (JournalFull, FlashFault, OSError):
                pass  # it is noted at the next start

    def _saved(self, record) -> None:
        facts = {"kind": record.body["kind"], "epoch": record.epoch, "seq": record.seq}
        facts.update(hash8=record.hash8, net_g=record.body.get("net_g"))
        self._board.note("saved", facts)
        self.link.wake(record.place)

    def _say(self, word: str, values: tuple, lines: list) -> None:
        self._board.note("shown", {"word": word, "values": list(values), "lines": lines})

    def _note(self, kind: str, facts: dict) -> None:
        self._board.note(kind, facts)
        if kind == "settled":
            name = (facts["epoch"], facts["seq"])
            self.visits.put(("settled", name, facts["outcome"], facts["body"]))
        elif facts.get("state") == "up" and "session" in facts:
            self.last_words.heard()
        elif kind == "refused":
            self._refused(facts["channel"], facts["why"])
        elif facts.get("word"):
            self._trouble(facts["word"], facts["word"])

    def _refused(self, channel: str, why: str) -> None:
        """Show and write down that settings or an order are not obeyed, and why."""
        self.visits.put(("trouble", REFUSED[channel]))
        self._alarm(channel + " refused", by=plain(why, LONGEST_ANSWER))

    def _trouble(self, word: str, what: str, readings: tuple = ()) -> None:
        self.visits.put(("trouble", word))
        self._alarm(what, readings)

    def _alarm(self, word: str, readings: tuple = (), by: str = "bin") -> None:
        """Write a trouble down at most once a day: a journal is small."""
        now_ms, trouble = self._clock.up_ms(), word + by
        if now_ms - self._alarms.get(trouble, -ALARM_AGAIN_MS) >= ALARM_AGAIN_MS:
            self._alarms[trouble] = now_ms
            self.visits.alarm(word, readings, by)

    # --- tasks

    async def _watch(self) -> None:
        """Look at lid and card."""
        was_open = False
        while True:
            self._turns["lid"] += 1
            if self._lid.is_open() != was_open:
                was_open = not was_open
                self.visits.put(("lid", was_open))
                if was_open and not self._lid.may_open():
                    self.visits.put(("forced",))
            if self._power is not None:
                self._power.nap(self.visits.idle, self._board.save_power)
            if self.visits.takes_cards:
                self._cards.look()
                tired = self._power is not None and self._power.low
                await self._board.doze(TIRED_POLL_MS if tired else POLL_MS)
            else:
                await asyncio.sleep_ms(POLL_MS)

    async def _look_around(self) -> None:
        """Measure battery and fill now and then, while nobody is there."""
        while True:
            self._turns["yard"] += 1
            if self._power is not None:
                self._power.measure()
            if self.journal.worn and self.visits.idle:
                self._trouble("flash_worn", "bad sector", tuple(sorted(self.journal.worn)))
                self.journal.worn.clear()
            if self.visits.alone():
                if self._fill is not None:
                    await self._fill.measure()
                if self._power is not None and self._power.obstacle():
                    self._lid.rest()
                elif self.visits.alone():
                    self._lid.lock()
            await asyncio.sleep(LOOK_S)

    def _alone(self) -> bool:
        return self.visits.idle and not self._lid.is_open()

    async def _start_anew(self) -> None:
        """Restart when that is wanted, nobody is there and nothing waits to be said."""
        while not self._leaving.is_set():
            self._turns["restart"] += 1
            try:
                await asyncio.wait_for(self._leaving.wait(), LOOK_S)
            except asyncio.TimeoutError:
                pass
        while not (self._alone() or self.visits.left_open) or self.link.talking:
            self._turns["restart"] += 1
            await asyncio.sleep(1)
        await self.link.leave()
        self._board.restart()

    async def _obey(self) -> None:
        """Obey orders as they come."""
        while True:
            self._turns["orders"] += 1
            await self._called.wait()
            self._called.clear()
            if self._orders is not None:
                await self._orders.obey()

    async def _renew(self) -> None:
        """Tell of an update that failed; let one on trial prove itself."""
        if self._update_due:
            await self._renewed().run()
            self._put_away()
            self._update_due = False

    async def _keep_time(self) -> None:
        self._board.set_time(self._clock.surely_s())
        while True:
            self._turns["clock"] += 1
            unix_s = await self._board.unix_s()
            if unix_s is not None and self._clock.sync(unix_s):
                self._board.set_time(unix_s)
            elif unix_s is not None:
                self._trouble("clock_wrong", "clock refused", (self._clock.surely_s(), unix_s))
            await asyncio.sleep(SYNC_S if unix_s is not None else 10)

    async def _report(self) -> None:
        while True:
            self._turns["report"] += 1
            await asyncio.sleep(TELEMETRY_S)
            gc.collect()
            power, fill = self._power, self._fill
            body: dict = {"fill_pct": fill and fill.fill_pct, "raw_zero": self._scale.raw_zero}
            body.update(battery_mv=power and power.battery_mv, solar_mv=power and power.solar_mv)
            body.update(heap_free=gc.mem_free(), journal_depth=self.journal.depth())
            body.update(rssi_dbm=self._board.rssi_dbm(), temp_c10=self._board.temp_c10())
            body["reader_resets"] = self._cards.resets
            try:
                await self.link.telemetry(body)
            except LinkFault:
                pass  # telemetry is what may be lost
