"""The broker's side, with paho-mqtt: MQTT 5, a session that outlives us, PUBACKs only on order.

One thread alone touches the client, through paho's interface for external loops. A PUBACK goes
out only on the connection its message came on: packet ids of another may mean another message.
While `in_flight` messages are unanswered nothing is read, whatever a broker makes of that bound.
"""

import contextlib
import logging
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_gateway import papers
from edge_gateway.receipts import Publish
from edge_gateway.settings import Settings
from firmware import contract

log = logging.getLogger(__name__)

MAX_PACKET_BYTES = 32_768  # above the broker's own limit for a message
NO_MATCHING_SUBSCRIBERS = 0x10
# Far below the Receive Maximum of a default Mosquitto (20), which paho does not look at: beyond it,
# PUBACKs stay away. Few also because paho reads as many packets at once as it has publishes open.
PUBLISHES_IN_FLIGHT = 4
TICK_S = 1.0
LEAVE_S = 2.0
RETRY_S, RETRY_MAX_S = 0.2, 10.0


class Arrival(NamedTuple):
    """A message as it came; `connection` numbers the connection it came on."""

    message: MQTTMessage
    connection: int


class BrokerClient:
    """Between two reads, `deliver` is given what came (paho's callback only collects it) and `tend`
    answers with finish() what is on disk, and says in how many seconds it wants to be called again.
    `confirm` is told the ids of messages to devices that the broker has taken for a subscriber.
    """

    def __init__(
        self,
        settings: Settings,
        deliver: Callable[[list[Arrival]], None],
        tend: Callable[[], float],
        confirm: Callable[[int], None],
        *,
        retained: bool = False,
    ) -> None:
        self.connected = False
        self.problem = "not connected yet"
        self.lost_publishes = 0
        self.reconnects = -1  # the first connection is none
        self._settings = settings
        self._deliver = deliver
        self._tend = tend
        self._confirm = confirm
        self._retained = retained
        self._connection = 0
        self._in_flight = settings.in_flight
        self._burst: list[Arrival] = []
        self._unanswered = 0
        self._publishes: deque[Publish] = deque()
        self._publishing = 0
        self._down_ids: dict[int, int] = {}
        self._stop = threading.Event()
        self._leave_by_s = 0.0
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._user = papers.name_of(settings.broker_certificate) or settings.gateway
        if self._user != settings.gateway:
            log.warning(
                "This gateway is called %s, its certificate %s, and the broker goes by the "
                "certificate. Set FARZ_GATEWAY_GATEWAY, or: farz device admit %s DIRECTORY",
                *(settings.gateway, self._user, settings.gateway),
            )
        self._client = self._new_client()
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Send what is waiting, disconnect, and keep the session at the broker."""
        self._stop.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        self._wake_in.close()
        self._wake_out.close()

    def publish(self, publishes: Sequence[Publish]) -> None:
        """Send messages to devices. Any thread."""
        if publishes:
            self._line_up(publishes)
            self._wake()

    def finish(self, arrivals: Sequence[Arrival], publishes: Sequence[Publish]) -> None:
        """Acknowledge messages that are on disk, then publish their receipts.

        To be called from within `tend`, hence on the network thread.
        """
        self._unanswered = max(0, self._unanswered - len(arrivals))
        for arrival in arrivals:
            if arrival.message.qos and arrival.connection == self._connection:
                self._client.ack(arrival.message.mid, 1)
        self._line_up(publishes)

    def _line_up(self, publishes: Sequence[Publish]) -> None:
        self._publishes.extend(publishes)
        while len(self._publishes) > self._settings.outgoing_max:
            self._publishes.popleft()
            self.lost_publishes += 1

    # --- the network thread

    def _wake(self) -> None:
        # Full means that the thread has been woken already.
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_out.send(b"x")

    def _run(self) -> None:
        delay_s = RETRY_S
        while not self._stop.is_set():
            try:
                self._connect()
                delay_s = RETRY_S if self._serve() else delay_s
            except OSError as error:
                self.problem = f"The broker does not answer: {error}"
            except Exception as error:
                # A fault of ours ends this connection, not the gateway: the broker sends again.
                log.exception("the connection is given up")
                self.problem = f"A fault in the gateway: {error!r}"
                self._burst, self._unanswered = [], 0
            self._stop.wait(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(2 * delay_s, RETRY_MAX_S)

    def _connect(self) -> None:
        properties = _properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=self._settings.session_s,
            ReceiveMaximum=self._settings.in_flight,
            MaximumPacketSize=MAX_PACKET_BYTES,
        )
        self._connection += 1
        self._client.connect(
            self._settings.broker_host,
            self._settings.broker_port,
            keepalive=self._settings.keepalive_s,
            clean_start=False,
            properties=properties,
        )

    def _serve(self) -> bool:
        """Run one connection to its end; return whether the broker had accepted it."""
        accepted, wait_s = False, TICK_S
        tick_s = time.monotonic()
        while (sock := self._client.socket()) is not None:
            self._await_work(sock, wait_s)
            self._read_all()
            wait_s = min(self._tend(), TICK_S)
            self._publish_more()
            if self._client.want_write():
                self._write_together(sock)
            if time.monotonic() - tick_s >= TICK_S:
                tick_s = time.monotonic()
                self._client.loop_misc()
            accepted = accepted or self.connected
            if self._may_leave(wait_s):
                self._client.disconnect()
        self.connected = False
        return accepted

    def _may_leave(self, wait_s: float) -> bool:
        """Asked to stop, it goes when all is said, or after a while."""
        if not self._stop.is_set():
            return False
        self._leave_by_s = self._leave_by_s or time.monotonic() + LEAVE_S
        said = wait_s >= TICK_S and not self._publishes and not self._publishing
        return said or not self.connected or time.monotonic() >= self._leave_by_s

    @property
    def _may_read(self) -> bool:
        # Mosquitto before 2.0.13 sends the backlog of a session without regard to Receive Maximum
        # (eclipse-mosquitto issue 2362); the back-pressure of the socket itself can be relied on.
        return self._unanswered < self._in_flight or not self.connected

    def _await_work(self, sock: Any, wait_s: float) -> None:
        readers = [sock, self._wake_in] if self._may_read else [self._wake_in]
        writers = [sock] if self._client.want_write() else []
        # Bytes that TLS has decrypted already do not make the socket readable.
        pending = self._may_read and getattr(sock, "pending", lambda: 0)()
        with contextlib.suppress(ValueError, OSError):  # closed meanwhile: the loop notices
            ready, _, _ = select.select(readers, writers, [], 0 if pending else wait_s)
            if self._wake_in in ready:
                self._wake_in.recv(4096)

    def _write_together(self, sock: Any) -> None:
        """Let the PUBACKs of a burst leave in one segment, where the system can cork a socket."""
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self._client.loop_write()
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def _read_all(self) -> None:
        """Read until no message comes or enough are unanswered, and hand them on together."""
        room = self._in_flight - self._unanswered if self.connected else 1
        seen = -1
        while seen < len(self._burst) < room and self._client.socket() is not None:
            seen = len(self._burst)
            self._client.loop_read()
        if self._burst:
            burst, self._burst = self._burst, []
            self._unanswered += len(burst)
            self._deliver(burst)

    def _publish_more(self) -> None:
        while self.connected and self._publishes and self._publishing < PUBLISHES_IN_FLIGHT:
            self._send(self._publishes.popleft())

    def _send(self, publish: Publish) -> None:
        properties = None
        if publish.expires_s is not None:
            left_s = max(1, publish.expires_s - int(time.time()))
            properties = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=left_s)
        sent = self._client.publish(
            publish.topic, publish.body, publish.qos, publish.retain, properties
        )
        self._publishing += 1
        if publish.down_id is not None:
            self._down_ids[sent.mid] = publish.down_id

    # --- paho's callbacks, all on the network thread

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._settings.gateway,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        password = self._settings.broker_password.get_secret_value()
        client.username_pw_set(self._settings.gateway, password)
        if self._settings.broker_ca:
            mine = (self._settings.broker_certificate, self._settings.broker_private_key)
            certificate, private_key = (str(path) if path else None for path in mine)
            client.tls_set(str(self._settings.broker_ca), certificate, private_key)
        client.max_inflight_messages_set(PUBLISHES_IN_FLIGHT)
        client.on_socket_open = _send_at_once
        # Given this, paho leaves writing to _serve instead of doing it once for each packet.
        client.on_socket_register_write = lambda *_: None
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self.problem = (
                f"The broker refuses {self._settings.gateway}: {reason}. Its certificate or "
                "password has to be of that name: farz device admit, FARZ_GATEWAY_BROKER_…"
            )
            log.warning(self.problem)
            return
        # Retained births come only with a new subscription, not at each reconnection.
        # A gateway that lost its disk has forgotten the births that its session was given once.
        retained = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        new_only = retained if self._retained else SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
        client.subscribe(
            [
                (contract.topic("+", channel), SubscribeOptions(qos, retainHandling=new_only))
                for channel, (direction, qos, _) in contract.CHANNELS.items()
                if direction == "up"
            ]
        )
        self.connected, self.problem = True, ""
        self.reconnects += 1
        log.info("connected to the broker")

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if self.connected:
            log.info("disconnected from the broker: %s", reason)
        self.connected = False
        self.problem = self.problem or f"The broker went away: {reason}"

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._burst.append(Arrival(message, self._connection))

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any
    ) -> None:
        self._publishing -= 1
        down_id = self._down_ids.pop(mid, None)
        if reason.is_failure:
            self._refused_word(reason)
        # Nobody listening is no delivery: the backend will hand it out again until it expires.
        elif down_id is not None and (reason.value != NO_MATCHING_SUBSCRIBERS):
            self._confirm(down_id)

    def _refused_word(self, reason: Any) -> None:
        """A broker that lets us say nothing lets us hear nothing, and tells it only here."""
        words = (
            f"The broker does not let {self._user} speak to bins ({reason}): its access list has "
            "no block for that name. Write it anew: farz device broker-files"
        )
        if words != self.problem:
            log.warning(words)
        self.problem = words


def _send_at_once(_client: Client, _data: Any, sock: Any) -> None:
    """Without this a receipt waits 40 ms behind a PUBACK (Nagle and the delayed ACK)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _properties(packet_type: int, **values: int) -> Properties:
    properties = Properties(packet_type)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
