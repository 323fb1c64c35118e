"""Between journal and broker: sends what is unsettled, obeys receipts, never the other way round.

An MQTT acknowledgement means nothing here. *Recorded* stops the resending, a *settled* receipt
that the backend signed releases the record, and each birth starts again with all that is
unsettled. At most WINDOW records are out without *recorded*.
"""

import asyncio

from firmware import contract, mqtt
from firmware.errors import LinkFault
from firmware.session import DENIED, connect

WINDOW = 8
RECORDED_MS = 15000  # how long to wait for *recorded* before sending again
NOBODY_MS = 10000  # ... when the broker said that no gateway listens
DENIED_MS = 60000  # ... when the broker refused; the technician hears of it
AGAIN_MS = 6 * 3600 * 1000  # after this, recorded but unsettled records are sent once more
FIRST_MS, LONGEST_MS = 1000, 32000  # pauses between attempts to connect
LASTING_MS = 600000  # after this, a missing gateway is told the technician
UNHEARD = "nobody_listens"  # the display's word for reason code 0x10
BEFORE_ALL = (-1, 0)


class Link:
    """`about()` returns the birth's own fields; `decrypt(key, iv, data)` is AES-128-CBC;
    `note(kind, facts)` hears of connections and of every record settled."""

    def __init__(self, settings, journal, about, up_ms, random, decrypt, note) -> None:
        self._settings = settings
        self._journal = journal
        self._about = about
        self._up_ms = up_ms
        self._random = random
        self._decrypt = decrypt
        self._note = note
        self._up_key = contract.derive(settings.key, contract.UP)
        self._down_key = contract.derive(settings.key, contract.DOWN)
        self._answer_key = contract.derive(settings.key, contract.ANSWER)[:16]
        self._session = None
        self._number = journal.boot << 16
        self._flying = {}  # (epoch, seq): (hash8, place, when to send again)
        self._news = asyncio.Event()
        self._broken = asyncio.Event()
        self._connecting = False
        self._fault = ""  # what was last complained of
        self._unheard_ms = None  # since when nobody has listened
        self.online = False
        self.counts = {}

    def wake(self) -> None:
        """Say that the journal has something new."""
        self._news.set()

    def awaiting(self) -> int:
        """Return how many answers are owed: -1 stands for the broker's, which is sure to come or
        to time out; else the records that are out without *recorded*."""
        if self._connecting or (self._session is not None and self._session.awaiting):
            return -1
        return len(self._flying) if self.online else 0

    async def run(self) -> None:
        """Stay connected for ever."""
        pause_ms = FIRST_MS
        while True:
            started_ms = self._up_ms()
            fault = await self._connection()
            self._complain(str(fault), fault.word)
            if self._up_ms() - started_ms > LONGEST_MS:
                pause_ms = FIRST_MS
            jitter_ms = pause_ms * self._random(1)[0] // 512
            await asyncio.sleep_ms(pause_ms // 2 + jitter_ms)
            pause_ms = min(2 * pause_ms, LONGEST_MS)

    async def telemetry(self, body: dict) -> None:
        """Publish what may be lost."""
        if self._session is not None and self.online:
            payload = contract.canonical(body).encode()
            await self._session.publish(self._topic("telemetry"), payload, 0, False)

    async def leave(self) -> None:
        """Say goodbye: state `sleeping`, and no will."""
        if self._session is not None and self.online:
            await self._state(self._session, "sleeping")
            await self._session.close(True)

    def _complain(self, why: str, word: str = "") -> None:
        """Tell what is wrong, once until it changes; a `word` is one for the technician."""
        if why != self._fault:
            state = "up" if self.online else "down"
            self._note("link", {"state": state, "why": why, "word": word})
        self._fault = why

    # --- one connection

    async def _connection(self) -> LinkFault:
        """Connect and stay until it breaks; return why it did."""
        self._number += 1
        self._broken.clear()
        fault, tasks = [], []
        try:
            self._connecting = True
            session = self._session = await self._connect()
            for work in (session.run(), session.keep_alive(), self._talk(session)):
                tasks.append(asyncio.create_task(self._guarded(work, fault)))
            await self._broken.wait()
        except LinkFault as error:
            fault.append(error)
        self.online = self._connecting = False
        for task in tasks:
            task.cancel()
        await asyncio.sleep_ms(0)
        if self._session is not None:
            await self._session.close(False)
        self._session = None
        return fault[0]

    async def _guarded(self, work, fault: list) -> None:
        try:
            await work
        except Exception as error:
            # A defect in one part must not leave the bin silent for ever: it reconnects.
            fault.append(error if isinstance(error, LinkFault) else LinkFault(repr(error)))
            self._broken.set()

    async def _connect(self):
        settings = self._settings
        lost = contract.canonical({"state": "lost", "session": self._number}).encode()
        client = (settings.device, settings.user, settings.password)
        will = (self._topic("state"), lost)
        address = (settings.host, settings.port)
        return await connect(address, settings.papers, self._receive, client, will)

    async def _talk(self, session) -> None:
        """Be born, then send what is unsettled, in order, for as long as the connection lasts."""
        await session.subscribe(self._topic("receipt"))
        await self._birth(session)
        await self._state(session, "online")
        self.online, self._connecting = True, False
        self._fault = ""
        self._count("births")
        self._note("link", {"state": "up", "session": self._number})
        await self._drain(session)

    async def _birth(self, session) -> None:
        journal, settings = self._journal, self._settings
        body = self._about()
        body.update(v=contract.VERSION, session=self._number, boot=journal.boot)
        body.update(epoch=journal.epoch, next_seq=journal.next_seq)
        body.update(oldest_seq=journal.oldest_seq())
        number = settings.key_number
        jws = contract.sign(self._up_key, settings.device, number, "birth", body)
        reason = await session.publish(self._topic("birth"), jws.encode(), 1, True)
        if reason >= mqtt.FAILURE:
            raise LinkFault("birth denied " + hex(reason), DENIED)

    async def _state(self, session, state: str) -> None:
        body = contract.canonical({"state": state, "session": self._number}).encode()
        await session.publish(self._topic("state"), body, 1, True)

    # --- up

    async def _drain(self, session) -> None:
        place, since_ms = BEFORE_ALL, self._up_ms()
        self._flying = {}
        while True:
            if self._up_ms() - since_ms > AGAIN_MS:
                place, since_ms = BEFORE_ALL, self._up_ms()
            record = self._overdue()
            if record is None and len(self._flying) < WINDOW:
                record = self._journal.unsettled_after(place)
            if record is None:
                await self._wait()
            else:
                place = max(place, record.place)
                await self._publish(session, record)

    def _overdue(self):
        """Return a record whose *recorded* did not come in time, or None."""
        now_ms = self._up_ms()
        for name in self._flying:
            _, (number, at), due_ms = self._flying[name]
            if due_ms <= now_ms:
                del self._flying[name]
                record = self._journal.unsettled_after((number, at - 1))
                return record if record is not None and record.place == (number, at) else None
        return None

    async def _wait(self) -> None:
        due_ms = min([entry[2] for entry in self._flying.values()] or [self._up_ms() + AGAIN_MS])
        try:
            await asyncio.wait_for_ms(self._news.wait(), max(1, due_ms - self._up_ms()))
        except asyncio.TimeoutError:
            pass  # something is due
        self._news.clear()

    async def _publish(self, session, record) -> None:
        settings, number = self._settings, record.key_number
        jws = contract.sign(self._up_key, settings.device, number, "record", record.body)
        # Entered before it is sent, for *recorded* may overtake the broker's acknowledgement.
        name = (record.epoch, record.seq)
        self._flying[name] = (record.hash8, record.place, self._up_ms() + RECORDED_MS)
        reason = await session.publish(self._topic("record"), jws.encode(), 1, False)
        self._count("sent")
        if reason and name in self._flying:
            pause_ms = self._unheard(reason)
            self._flying[name] = (record.hash8, record.place, self._up_ms() + pause_ms)

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
            if message.topic != self._topic("receipt"):
                raise contract.ContractError("topic_mismatch", message.topic[:80])
            if message.payload[:1] == b"{":
                self._recorded(contract.read_got(message.payload))
            else:
                self._settled(message.payload)
        except contract.ContractError as error:
            self._count(error.reason)
        self._news.set()

    def _recorded(self, rows: list) -> None:
        for epoch, seq, hash8 in rows:
            entry = self._flying.get((epoch, seq))
            if entry is not None and entry[0] == hash8:
                del self._flying[(epoch, seq)]
                self._unheard_ms = None
                self._count("recorded")

    def _settled(self, jws: bytes) -> None:
        parts = contract.split(jws, "receipt")
        if parts.device != self._settings.device or parts.number != self._settings.key_number:
            raise contract.ContractError("bad_signature", "another device's or key's")
        contract.verify(parts, self._down_key)
        for epoch, seq, hash8, outcome, sealed in contract.read(parts)["out"]:
            body = contract.unseal(self._answer_key, sealed, self._decrypt)
            self._flying.pop((epoch, seq), None)
            if self._journal.settle(epoch, seq, hash8):
                self._count("settled")
                facts = {"epoch": epoch, "seq": seq, "outcome": outcome, "body": body}
                self._note("settled", facts)

    def _topic(self, channel: str) -> str:
        return contract.topic(self._settings.device, channel)

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
