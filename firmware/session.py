"""One connection to the broker: from CONNECT until it breaks. MQTT 5, clean start, QoS 0 and 1.

The journal is the queue, so nothing is kept here: whatever was not acknowledged when the
connection breaks is sent again from the journal. One publish is in flight at a time.
"""

import asyncio

from firmware import mqtt
from firmware.errors import LinkFault

REPLY_MS = 10000  # the longest wait for an answer of the broker
KEEP_ALIVE_S = 60
DENIED, REFUSED = "link_denied", "broker_refuses"  # the display's words: 0x87, and no entry
DROPS = "broker_drops"  # ... for a broker that takes the call and hangs up, if it goes on
# ECONNRESET, EPIPE, ECONNABORTED, and what mbed TLS says of them (MBEDTLS_ERR_SSL_CONN_EOF).
HUNG_UP = ((104,), (32,), (103,), (-0x7280,))
LONGEST_LENGTH = 4  # bytes that tell a packet's length (MQTT 5.0, section 1.5.5)
SILENT = "no answer from the broker"
IPPROTO_TCP, TCP_NODELAY = 6, 1  # without it a broker's answer waits 40 ms for more to send


async def connect(address: tuple, tls, on_message, client: tuple, will: tuple) -> "Session":
    """Return an open session; address = (host, port), client = (id, user or None, password or
    None). `tls` is a trust.Papers, or None on a network that needs none.

    `on_message(Message)` runs before the message is acknowledged and must not wait. Raises
    LinkFault with the broker's reason.
    """
    session = Session(await _open(address, tls), on_message)
    try:
        await session.hello(client, will)
    except LinkFault as fault:
        await session.close(False)
        if tls is not None and str(fault) != SILENT and fault.word in ("", DROPS):
            # A broker that does not take our certificate hangs up without a word.
            fault.word = REFUSED
        raise fault
    return session


async def _open(address: tuple, tls):
    """Return a stream to the broker. TLS is laid over the open socket here, since it would hide it
    before TCP_NODELAY could be set on it."""
    try:
        stream = (await asyncio.wait_for_ms(asyncio.open_connection(*address), REPLY_MS))[0]
    except asyncio.TimeoutError:
        raise LinkFault("the broker does not answer")
    except OSError as error:
        raise LinkFault(repr(error))
    try:
        stream.s.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        return stream if tls is None else tls.over(stream.s, address[0])
    except (OSError, ValueError) as error:
        stream.s.close()
        raise _fault(error)


class Session:
    """One open connection. run() and keep_alive() must run beside everything else."""

    def __init__(self, stream, on_message) -> None:
        self._stream = stream
        self._on_message = on_message
        self._answer = asyncio.Event()
        self._answered = 0  # reason code of the answer waited for
        self._expected = None  # (packet type, packet id) waited for
        self._packet_id = 0
        self._lock = asyncio.Lock()  # one question at a time
        self._sending = asyncio.Lock()  # one packet at a time
        self._pong = True

    @property
    def awaiting(self) -> bool:
        """Tell whether the broker owes an answer."""
        return self._expected is not None or not self._pong

    async def hello(self, client: tuple, will: tuple) -> None:
        """Send CONNECT and wait for the broker's yes."""
        name, user, password = client
        await self._send(mqtt.connect(name, KEEP_ALIVE_S, user, password, will))
        kind, _, body = await self._timed(self._packet())
        if kind != mqtt.CONNACK or len(body) < 2 or body[1] != 0:
            code = hex(body[1] if len(body) > 1 else 0)
            raise LinkFault("connection refused " + code, REFUSED)

    async def subscribe(self, topics: list) -> None:
        """Subscribe to all of them at QoS 1."""
        async with self._lock:
            packet_id = self._next_id()
            packet = mqtt.subscribe(packet_id, topics)
            reason = await self._ask(packet, (mqtt.SUBACK, packet_id))
        if reason >= mqtt.FAILURE:
            raise LinkFault("subscription refused " + hex(reason), DENIED)

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        """Publish and return the broker's reason code: 0 is well, 0x10 nobody listens."""
        async with self._lock:
            packet_id = self._next_id()
            packet = mqtt.publish(mqtt.Message(topic, payload, qos, packet_id), retain)
            if qos:
                return await self._ask(packet, (mqtt.PUBACK, packet_id))
            await self._send(packet)
            return 0

    async def run(self) -> None:
        """Read packets until the connection breaks; then raise LinkFault."""
        while True:
            kind, flags, body = await self._packet()
            try:
                await self._take(kind, flags, body)
            except (ValueError, IndexError):
                raise LinkFault("malformed packet")

    async def keep_alive(self) -> None:
        """Ping at half the keep-alive; raise LinkFault if an answer is missing."""
        while True:
            await asyncio.sleep(KEEP_ALIVE_S // 2)
            self._pong = False
            await self._send(mqtt.pingreq())
            for _ in range(REPLY_MS // 100):
                await asyncio.sleep_ms(100)
                if self._pong:
                    break
            else:
                raise LinkFault("the broker is silent")

    async def close(self, politely: bool) -> None:
        """Close the connection; a polite end makes the broker forget the will."""
        try:
            if politely:
                await self._send(mqtt.disconnect())
        except LinkFault:
            pass  # it is closed either way
        self._stream.s.close()

    async def _take(self, kind: int, flags: int, body: bytes) -> None:
        if kind == mqtt.PUBLISH:
            message = mqtt.read_publish(flags, body)
            self._on_message(message)
            if message.qos:
                await self._send(mqtt.puback(message.packet_id))
        elif kind == mqtt.PUBACK:
            self._resolve(kind, *mqtt.read_ack(body))
        elif kind == mqtt.SUBACK:
            self._resolve(kind, *mqtt.read_suback(body))
        elif kind == mqtt.PINGRESP:
            self._pong = True
        else:
            raise LinkFault("closed by the broker " + hex(body[0] if body else 0), DROPS)

    async def _ask(self, packet: bytes, expected: tuple) -> int:
        self._answer.clear()
        self._expected = expected
        await self._send(packet)
        await self._timed(self._answer.wait())
        self._expected = None
        return self._answered

    def _resolve(self, kind: int, packet_id: int, reason: int) -> None:
        if self._expected == (kind, packet_id):
            self._answered = reason
            self._answer.set()

    async def _timed(self, waiting):
        try:
            return await asyncio.wait_for_ms(waiting, REPLY_MS)
        except asyncio.TimeoutError:
            raise LinkFault(SILENT)

    async def _packet(self) -> tuple:
        try:
            first = (await self._stream.readexactly(1))[0]
            raw = b""
            while not raw or (raw[-1] & 0x80 and len(raw) < LONGEST_LENGTH):
                raw += await self._stream.readexactly(1)
            length = _length(raw)
            return first >> 4, first & 15, await self._stream.readexactly(length)
        except EOFError:
            raise LinkFault("the broker hung up", DROPS)
        except (OSError, ValueError) as error:
            raise _fault(error)

    async def _send(self, packet: bytes) -> None:
        async with self._sending:
            try:
                self._stream.write(packet)
                # The first packet shakes hands over TLS, and a broker may take nothing for ever.
                await self._timed(self._stream.drain())
            except (OSError, ValueError) as error:
                raise _fault(error)

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % 65535 + 1
        return self._packet_id


def _fault(error) -> LinkFault:
    from firmware.trust import fault  # loaded with a bin's papers, or when something broke

    made = fault(error)
    if error.args[:1] in HUNG_UP:
        made.word = DROPS
    return made


def _length(raw: bytes) -> int:
    try:
        length = mqtt.read_length(raw, 0)[0]
    except ValueError:
        raise LinkFault("malformed packet")
    if length > mqtt.LARGEST:
        raise LinkFault("packet too large")
    return length
