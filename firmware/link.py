"""Between bin and broker: sends what is unsettled, obeys receipts, never the other way round.

An MQTT acknowledgement means nothing here. *Recorded* stops the resending, a *settled* receipt
that the backend signed releases the record, and each birth starts again with all that is
unsettled. Whatever else comes down is checked here and handed to whoever `hears` it.
"""

import asyncio

from firmware import contract, mqtt
from firmware.backlog import AGAIN_MS, Backlog
from firmware.errors import LinkFault
from firmware.session import DENIED, DROPS, connect

NOBODY_MS = 10000  # how long to wait when the broker said that no gateway listens
DENIED_MS = 60000  # ... when the broker refused; the technician hears of it
LASTING_MS = 600000  # after this, a missing gateway or a broker that drops is told the technician
FIRST_MS, LONGEST_MS = 1000, 32000  # pauses between attempts to connect
TRIAL_MS = 300000  # how long new network settings have to bring the bin online
OUTBOX = 16  # questions and results at most that wait to be sent
UNHEARD = "nobody_listens"  # the display's word for reason code 0x10
CHANNELS = ("receipt", "answer", "command", "settings")


class Link:
    """`about()` returns the birth's own fields; `decrypt(key, iv, data)` is AES-128-CBC;
    `note(kind, facts)` hears of connections and of every record settled.

    `hears` maps a channel to a function of (jws, key number, body) for what comes down checked.
    """

    def __init__(self, settings, keys, journal, about, up_ms, random, decrypt, note) -> None:
        self._settings = settings
        self._keys = keys
        self._journal = journal
        self._about = about
        self._up_ms = up_ms
        self._random = random
        self._decrypt = decrypt
        self._note = note
        self.hears = {}
        self.backlog = Backlog(journal, up_ms)
        self._outbox = []  # (channel, body) of what is to be signed and sent once
        self._trial = None  # (settings, until when, done) while new network settings are tried
        self._session = None
        self._number = journal.boot << 16
        self._news = asyncio.Event()
        self._broken = asyncio.Event()
        self._fault = []  # why the connection is to end
        self._connecting = False
        self._complaint = ""  # what was last complained of
        self._unheard_ms = None  # since when nobody has listened
        self._dropped_ms = None  # since when the broker has done nothing but hang up
        self.online = False
        self.turns = 0  # what the supervisor watches grow
        self.counts = {}

    @property
    def number(self) -> int:
        """Return the number of this session, which commands must name."""
        return self._number

    @property
    def talking(self) -> bool:
        """Tell whether something waits to be said that is kept nowhere else."""
        return self.online and bool(self._outbox)

    def wake(self, place: "tuple | None" = None) -> None:
        """Say that there is something new to send: a record at a place, or anything."""
        if place is not None:
            self.backlog.add(place)
        self._news.set()

    def say(self, channel: str, body: dict) -> None:
        """Sign and send a question or a result once, as soon as possible."""
        if len(self._outbox) < OUTBOX:
            self._outbox.append((channel, body))
        else:
            self._count("unsaid")
        self._news.set()

    def attempt(self, settings, done) -> None:
        """Connect anew with other settings; `done(came_online)` is told whether that went well."""
        self._trial = (settings, self._up_ms() + TRIAL_MS, done)
        self._leave(LinkFault("new network settings are tried"))

    def awaiting(self) -> int:
        """Return how many answers are owed: -1 stands for the broker's, which is sure to come or
        to time out; else the records that are out without *recorded*."""
        if self._connecting or (self._session is not None and self._session.awaiting):
            return -1
        return len(self.backlog.flying) if self.online else 0

    async def run(self) -> None:
        """Stay connected for ever."""
        pause_ms = FIRST_MS
        while True:
            self.turns += 1
            started_ms = self._up_ms()
            fault = await self._connection()
            stayed = self._up_ms() - started_ms > LONGEST_MS
            self._complain(*self._worded(fault, stayed))
            if stayed or self._trial is not None:
                pause_ms = FIRST_MS
            self._end_trial()
            jitter_ms = pause_ms * self._random(1)[0] // 512
            await asyncio.sleep_ms(pause_ms // 2 + jitter_ms)
            pause_ms = min(2 * pause_ms, LONGEST_MS)

    async def telemetry(self, body: dict) -> None:
        """Publish what may be lost."""
        if self._session is not None and self.online:
            payload = contract.canonical(body).encode()
            await self._session.publish(self._topic("telemetry"), payload, 0, False)

    async def leave(self) -> None:
        """Say goodbye: state `sleeping`, and no will. If nobody hears it, the will says it."""
        if self._session is not None and self.online:
            try:
                await self._state(self._session, "sleeping")
                await self._session.close(True)
            except LinkFault:
                pass  # who restarts for good reason does not end by a broker's fault

    def _complain(self, why: str, word: str = "") -> None:
        """Tell what is wrong, once until it changes; a `word` is one for the technician."""
        if why != self._complaint:
            state = "up" if self.online else "down"
            self._note("link", {"state": state, "why": why, "word": word})
        self._complaint = why

    def _worded(self, fault: LinkFault, stayed: bool) -> tuple:
        """Return what to complain of, and its word. Any broker hangs up now and then, so that it
        has one only if nothing else happens for long."""
        if fault.word != DROPS:
            self._dropped_ms = None
            return str(fault), fault.word
        now_ms = self._up_ms()
        if stayed or self._dropped_ms is None:
            self._dropped_ms = now_ms
        if now_ms - self._dropped_ms < LASTING_MS:
            return (str(fault),)
        return "the broker hangs up still", DROPS

    def _end_trial(self) -> None:
        """Go back to the settings in force if those on trial have had their time."""
        if self._trial is not None and self._up_ms() >= self._trial[1]:
            done, self._trial = self._trial[2], None
            done(False)

    # --- one connection

    async def _connection(self) -> LinkFault:
        """Connect and stay until it breaks; return why it did."""
        self._number += 1
        self._broken.clear()
        self._fault, tasks = [], []
        try:
            self._connecting = True
            session = self._session = await self._connect()
            for work in (session.run(), session.keep_alive(), self._talk(session)):
                tasks.append(asyncio.create_task(self._guarded(work)))
            await self._broken.wait()
        except Exception as error:
            self._give_up(error)
        self.online = self._connecting = False
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
        if self._session is not None:
            await self._session.close(False)
        self._session = None
        return self._fault[0]

    def _leave(self, fault: LinkFault) -> None:
        self._fault.append(fault)
        self._broken.set()

    async def _guarded(self, work) -> None:
        try:
            await work
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Leave, whatever it was: a defect in one part must neither silence the bin nor end it."""
        self._leave(error if isinstance(error, LinkFault) else LinkFault(repr(error)))

    async def _connect(self):
        settings = self._settings if self._trial is None else self._trial[0]
        lost = contract.canonical({"state": "lost", "session": self._number}).encode()
        client = (settings.device, settings.user, settings.password)
        will = (self._topic("state"), lost)
        address = (settings.host, settings.port)
        return await connect(address, settings.papers, self._receive, client, will)

    async def _talk(self, session) -> None:
        """Be born, then send what is unsettled for as long as the connection lasts."""
        await session.subscribe([self._topic(channel) for channel in CHANNELS])
        await self._birth(session)
        await self._state(session, "online")
        self.online, self._connecting = True, False
        self._complaint = ""
        self._count("births")
        self._note("link", {"state": "up", "session": self._number})
        if self._trial is not None:
            done, self._trial = self._trial[2], None
            done(True)
        await self._drain(session)

    async def _birth(self, session) -> None:
        journal = self._journal
        body = self._about()
        body.update(v=contract.VERSION, session=self._number, boot=journal.boot)
        body.update(epoch=journal.epoch, next_seq=journal.next_seq)
        body.update(oldest_seq=journal.oldest_seq())
        reason = await self._signed(session, "birth", self._keys.number, body)
        if reason >= mqtt.FAILURE:
            raise LinkFault("birth denied " + hex(reason), DENIED)

    async def _state(self, session, state: str) -> None:
        body = contract.canonical({"state": state, "session": self._number}).encode()
        await session.publish(self._topic("state"), body, 1, True)

    async def _signed(self, session, channel: str, number: int, body: dict) -> int:
        """Publish under the key of a number; return the broker's reason code."""
        keys, retained = self._keys, contract.CHANNELS[channel][2]
        jws = contract.sign(keys.up(number), keys.device, number, channel, body)
        return await session.publish(self._topic(channel), jws.encode(), 1, retained)

    # --- up

    async def _drain(self, session) -> None:
        self.backlog.begin()
        while True:
            self.turns += 1
            while self._outbox:
                channel, body = self._outbox[0]
                await self._signed(session, channel, self._keys.number, body)
                self._outbox.pop(0)
            record = self.backlog.next()
            if record is None:
                await self._wait()
            else:
                await self._publish(session, record)

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for_ms(self._news.wait(), self.backlog.due_ms())
        except asyncio.TimeoutError:
            pass  # something is due
        self._news.clear()

    async def _publish(self, session, record) -> None:
        # Entered before it is sent, for *recorded* may overtake the broker's acknowledgement.
        self.backlog.sent(record)
        try:
            reason = await self._signed(session, "record", record.key_number, record.body)
        except contract.ContractError:
            # One that fits no message stays in the journal; those behind it do not wait for it.
            self.backlog.sent(record, AGAIN_MS)
            self._count("unsendable")
            return
        self._count("sent")
        if reason and (record.epoch, record.seq) in self.backlog.flying:
            self.backlog.sent(record, self._unheard(reason))

    def _unheard(self, reason: int) -> int:
        """Complain of a publish that reached nobody; return how long to wait before the next."""
        if reason >= mqtt.FAILURE:
            self._count("denied")
            self._complain("denied " + hex(reason), DENIED)
            return DENIED_MS
        self._count("nobody_listens")
        if self._unheard_ms is None:
            self._unheard_ms = self._up_ms()
        # A gateway that starts anew is away for seconds; only a longer silence is worth an alarm.
        lasting = self._up_ms() - self._unheard_ms >= LASTING_MS
        self._complain(*(("nobody listens still", UNHEARD) if lasting else ("nobody listens",)))
        return NOBODY_MS

    # --- down

    def _receive(self, message: mqtt.Message) -> None:
        try:
            channel = contract.parse_topic(message.topic)[1]
            if message.topic != self._topic(channel) or channel not in CHANNELS:
                raise contract.ContractError("topic_mismatch", message.topic[:80])
            if channel == "receipt" and message.payload[:1] == b"{":
                self._recorded(contract.read_got(message.payload))
            else:
                number, body = self._keys.opened(message.payload, channel)
                if channel == "receipt":
                    self._settled(number, body)
                elif channel in self.hears:
                    self.hears[channel](message.payload.decode(), number, body)
        except contract.ContractError as error:
            self._count(error.reason)
            for channel in ("command", "settings"):
                if message.topic == self._topic(channel):
                    self._note("refused", {"channel": channel, "why": str(error)})
        self._news.set()

    def _recorded(self, rows: list) -> None:
        for epoch, seq, hash8 in rows:
            if self.backlog.recorded(epoch, seq, hash8):
                self._unheard_ms = None
                self._count("recorded")

    def _settled(self, number: int, body: dict) -> None:
        for epoch, seq, hash8, outcome, sealed in body["out"]:
            shown = self.unsealed(number, sealed)
            self.backlog.flying.pop((epoch, seq), None)
            if self._journal.settle(epoch, seq, hash8):
                self._count("settled")
                facts = {"epoch": epoch, "seq": seq, "outcome": outcome, "body": shown}
                self._note("settled", facts)

    def unsealed(self, number: int, sealed: str) -> dict:
        """Return the body that only this device can read; ContractError if it is none."""
        return contract.unseal(self._keys.answer(number), sealed, self._decrypt)

    def _topic(self, channel: str) -> str:
        return contract.topic(self._keys.device, channel)

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
