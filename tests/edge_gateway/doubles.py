"""Small real stand-ins on both sides of a gateway: a bin on MQTT, a backend on HTTP."""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from farz.broker import Broker
from firmware import contract
from tests.fixtures.brokers import word_of

EPOCH = "5f0e1d2c3b4a5968"
LIMIT_S = 20.0


def await_until(
    ready: Callable[[], Any], what: str = "the expected", limit_s: float = LIMIT_S
) -> Any:
    """Poll until `ready()` is true and return it; fail after `limit_s`."""
    deadline_s = time.monotonic() + limit_s
    while not (value := ready()):
        assert time.monotonic() < deadline_s, f"{what} did not happen within {limit_s} s"
        time.sleep(0.005)
    return value


def deposit(seq: int, /, **changed: Any) -> dict[str, Any]:
    """The body of a synthetic deposit, with fields changed (a value of ... leaves one out)."""
    body: dict[str, Any] = {
        **{"v": 1, "kind": "deposit", "epoch": EPOCH, "seq": seq, "boot": 3, "clock": "synced"},
        **{"prev": hashlib.sha256(b"%d" % seq).hexdigest()[:16], "at_s": 1_795_000_000 + seq},
        **{"up_ms": 86_400_000 + seq, "cal": 2, "fw": "a1b2c3d4e5f60718", "flags": []},
        **{"card": "u." + contract.b64(bytes(16)), "fraction": "organic"},
        **{"before_g": 12_000, "after_g": 13_200, "net_g": 1_200, "e_g": 5, "p2p_g": 2},
        **{"n": 12, "temp_c10": 215},
    }
    body.update(changed)
    return {name: value for name, value in body.items() if value is not ...}


def signing_key(device: str) -> bytes:
    return bytes(contract.derive(device.encode().ljust(32, b"."), contract.UP))


def signed(device: str, body: dict[str, Any], channel: str = "record") -> bytes:
    """The bytes of a message, signed with the key that the tests give `device`."""
    text: str = contract.sign(signing_key(device), device, 1, channel, body)
    return text.encode()


def forged(device: str, body: dict[str, Any], *, header: bytes | None = None) -> bytes:
    """Bytes like those of signed() for bodies or headers that contract.sign refuses to make."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    head = header or contract.header(device, 1, "record")
    start = contract.b64(head) + "." + contract.b64(text.encode())
    mac = contract.hmac_sha256(signing_key(device), start.encode())
    return f"{start}.{contract.b64(mac)}".encode()


def name_of(jws: bytes, body: dict[str, Any]) -> list[Any]:
    full_hash = hashlib.sha256(jws.rpartition(b".")[0]).digest()
    return [body["epoch"], body["seq"], contract.hash8(full_hash)]


class Bin:
    """A device at the broker: publishes bytes under its own name and keeps what comes down."""

    def __init__(self, device: str, broker: Broker) -> None:
        self.device = device
        self.down: list[tuple[str, bytes]] = []
        self.acknowledged: dict[int, int] = {}  # packet id -> reason code
        self.connections = 0
        self._ready = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=device, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.username_pw_set(device, word_of(device))
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert self._ready.wait(LIMIT_S)

    def _on_connect(self, client: Client, *_: Any) -> None:
        self.connections += 1
        channels = [n for n, (direction, _, _) in contract.CHANNELS.items() if direction == "down"]
        client.subscribe([(contract.topic(self.device, name), 1) for name in channels])

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.down.append((contract.parse_topic(message.topic)[1], bytes(message.payload)))

    def _on_publish(self, _client: Client, _data: Any, mid: int, reason: Any, _p: Any) -> None:
        self.acknowledged[mid] = reason.value

    def send(self, raw: bytes, channel: str = "record", device: str | None = None) -> int:
        """Publish and return the broker's reason code (0 for QoS 0, which has none)."""
        qos = contract.CHANNELS[channel][1]
        retain = contract.CHANNELS[channel][2]
        mid = self._client.publish(contract.topic(device or self.device, channel), raw, qos, retain)
        if not qos:
            return 0
        await_until(lambda: mid.mid in self.acknowledged, "the broker's PUBACK")
        return self.acknowledged[mid.mid]

    def recorded(self) -> list[list[Any]]:
        """Rows of every *recorded* receipt so far."""
        bodies = [
            json.loads(raw)
            for channel, raw in self.down
            if channel == "receipt" and raw[:1] == b"{"
        ]
        return [row for body in bodies for row in body["got"]]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class BackendDouble:
    """A backend that checks the attestation, credits each record once, and can misbehave.

    `refuse(path, body)` may return (status, headers) to answer instead; `poison` holds signed bytes
    that it cannot read; `down` is handed out with each answer until confirmed.
    """

    def __init__(self, public_key: str, gateway: str = "gateway") -> None:
        self.gateway = gateway
        self.credited: dict[tuple[str, str, int], str] = {}
        self.relayed: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.telemetry: list[dict[str, Any]] = []
        self.delivered: list[int] = []
        self.posts = 0
        self.down: list[dict[str, Any]] = []
        self.poison: set[str] = set()
        self.poison_status = 422
        self.refuse: Callable[[str, dict[str, Any]], tuple[int, dict[str, str]] | None]
        self.refuse = lambda _path, _body: None
        self._key = Ed25519PublicKey.from_public_bytes(contract.unb64(public_key))
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with double._lock:
                    status, headers, answer = double._answer(
                        self.path, body, self.headers.get("Authorization", "")
                    )
                raw = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(raw))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:
                """Tests read what was kept, not a log."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Killed gateways leave broken connections behind."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(
        self, path: str, body: dict[str, Any], authorization: str
    ) -> tuple[int, dict[str, str], Any]:
        self.posts += 1
        if authorization != "Bearer gateway-key":
            return 401, {}, {"code": "bad_key", "detail": "This gateway's key is not known."}
        refusal = self.refuse(path, body)
        if refusal:
            return refusal[0], refusal[1], {"code": "scripted", "detail": "As the test wants it."}
        if path == "/v1/telemetry":
            self.telemetry.append(body)
            return 200, {}, {}
        return self._uplink(body)

    def _uplink(self, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        relayed = [r["jws"] for r in body["records"]] + [m["jws"] for m in body["messages"]]
        if self.poison & set(relayed):
            return (
                self.poison_status,
                {},
                {"code": "bad_schema", "detail": "Something in here cannot be read."},
            )
        parts = [contract.split(r["jws"], "record") for r in body["records"]]
        bodies = [contract.read(p) for p in parts]
        rows = [
            (p.device, b["epoch"], b["seq"], contract.hash8(p.hash), r["received_s"])
            for p, b, r in zip(parts, bodies, body["records"], strict=True)
        ]
        if rows and not self._attested(rows, body["attestation"]):
            return 403, {}, {"code": "bad_attestation", "detail": "Not this gateway's signature."}
        self.relayed += relayed
        self.messages += body["messages"]
        self.delivered += body["delivered"]
        self.down = [d for d in self.down if d["id"] not in body["delivered"]]
        answer = {"results": [self._credit(row) for row in rows], "down": list(self.down)}
        answer["down"] += [self._settled(row) for row in rows]
        return 200, {}, answer

    def _attested(self, rows: list[Any], attestation: str) -> bool:
        try:
            signed_bytes = contract.attestation_input(self.gateway, rows)
            self._key.verify(contract.unb64(attestation), signed_bytes)
        except InvalidSignature:
            return False
        return True

    def _credit(self, row: Any) -> dict[str, Any]:
        device, epoch, seq, hash8, _ = row
        known = self.credited.setdefault((device, epoch, seq), hash8)
        outcome = "credited" if known == hash8 else "quarantined"
        name = {"device": device, "epoch": epoch, "seq": seq, "hash8": hash8}
        return {**name, "outcome": outcome, "reason": None}

    def _settled(self, row: Any) -> dict[str, Any]:
        return {
            **{"id": None, "device": row[0], "channel": "receipt", "expires_s": None},
            "body": f"settled.{row[2]}.synthetic",
        }
