"""A small town for bins to talk to: gateway and backend in one MQTT client, with a test's tariff.

It does what the contract says of them and nothing more: *recorded*, then *settled*, once for each
record; one minor unit for every ten grams.
"""

import os
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware import contract


def encrypt(key: bytes, iv: bytes, padded: bytes) -> bytes:
    worker = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return worker.update(padded) + worker.finalize()


class Town:
    """Collects bodies by name; settles a record that comes the `settles_at`-th time, if at all.

    It shows the broker the password `word`, or the certificate in the folder `papers`.
    """

    def __init__(
        self,
        port: int,
        key: bytes,
        word: str = "",
        settles: bool = True,
        settles_at: int = 1,
        papers: Path | None = None,
    ) -> None:
        self.key = key
        self.settles = settles
        self.settles_at = settles_at
        self.times: dict[tuple[str, int], int] = {}
        self.records: dict[tuple[str, int], dict[str, Any]] = {}
        self.hashes: dict[tuple[str, int], set[str]] = {}
        self.received = 0
        self.births: list[dict[str, Any]] = []
        self.states: list[str] = []
        self.sessions: list[int] = []  # of each state
        self.telemetry: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.balance = 0
        self.keys = {1: key}
        self.results: list[tuple[str, bool, str]] = []
        self.asks: list[str] = []  # cards whose balance was asked for (hex)
        self.answers: dict[str, Any] = {"balance": 4200, "why": ""}
        self.ready = threading.Event()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, "gateway", protocol=MQTTProtocolVersion.MQTTv5
        )
        if papers is not None:
            self.client.tls_set(
                ca_certs=str(papers / "ca.crt"),
                certfile=str(papers / "gateway.crt"),
                keyfile=str(papers / "gateway.key"),
            )
        else:
            self.client.username_pw_set("gateway", word)
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self._message
        self.client.connect("localhost" if papers else "127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _connected(self, client: mqtt.Client, *_: Any) -> None:
        channels = ("record", "birth", "state", "telemetry", "ask", "result")
        client.subscribe([(contract.topic("+", channel), 1) for channel in channels])

    def _message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        try:
            device, channel = contract.parse_topic(message.topic)
            getattr(self, f"_{channel}")(device, message.payload)
        except Exception as error:
            self.faults.append(repr(error))

    def _state(self, device: str, payload: bytes) -> None:
        body = contract.parse_json(payload)
        self.states.append(body["state"])
        self.sessions.append(body["session"])

    def _telemetry(self, device: str, payload: bytes) -> None:
        body = contract.parse_json(payload)
        contract.check("telemetry", body)
        self.telemetry.append(body)

    def _birth(self, device: str, payload: bytes) -> None:
        self.births.append(self._open(device, payload, "birth")[1])

    def _record(self, device: str, payload: bytes) -> None:
        parts, body = self._open(device, payload, "record")
        name, hash8 = (body["epoch"], body["seq"]), contract.hash8(parts.hash)
        self.received += 1
        self.hashes.setdefault(name, set()).add(hash8)
        self.records.setdefault(name, body)
        self.send(device, contract.got([(*name, hash8)]))
        self.times[name] = self.times.get(name, 0) + 1
        if self.settles and self.times[name] >= self.settles_at:
            self.settle(device, body, hash8, parts.number)

    def _result(self, device: str, payload: bytes) -> None:
        body = self._open(device, payload, "result")[1]
        self.results.append((body["id"], body["ok"], body["words"]))

    def _ask(self, device: str, payload: bytes) -> None:
        parts, body = self._open(device, payload, "ask")
        key = self.keys[parts.number]
        card_key = contract.derive(key, contract.CARD)
        if body["card"][:2] == "u.":
            uid = contract.open_card_token(card_key, body["nonce"], 0, body["card"])
            self.asks.append(uid.hex())
        else:
            self.asks.append(contract.open_secure_token(body["card"]).hex())
        sealed = self.sealed(self.answers, parts.number)
        self.down(device, "answer", {"v": 1, "nonce": body["nonce"], "body": sealed}, parts.number)

    def command(self, device: str, name: str, order_id: int, **changes: Any) -> None:
        """Send an order for the session that the bin is in; `changes` override its fields."""
        body = {"v": 1, "name": name, "id": str(order_id), "session": self.births[-1]["session"]}
        body.update({"expires_s": 2**40, "args": {}, **changes})
        self.down(device, "command", body, max(self.keys))

    def tune(self, device: str, number: int, key: bytes = b"", **values: Any) -> None:
        """Send settings, retained; `key` signs them instead of the device's newest."""
        body = {"v": 1, "number": number, "values": values}
        self.down(device, "settings", body, max(self.keys), key)

    def sealed(self, body: dict[str, Any], number: int) -> str:
        key = contract.derive(self.keys[number], contract.ANSWER)[:16]
        return str(contract.seal(key, os.urandom(16), body, encrypt))

    def down(
        self, device: str, channel: str, body: dict[str, Any], number: int, key: bytes = b""
    ) -> None:
        down = contract.derive(key or self.keys[number], contract.DOWN)
        jws = contract.sign(down, device, number, channel, body)
        retained = contract.CHANNELS[channel][2]
        self.client.publish(contract.topic(device, channel), jws, qos=1, retain=retained)

    def _open(self, device: str, payload: bytes, channel: str) -> tuple[Any, dict[str, Any]]:
        parts = contract.split(payload, channel)
        contract.verify(parts, contract.derive(self.keys[parts.number], contract.UP))
        assert parts.device == device
        return parts, contract.read(parts)

    def settle(self, device: str, body: dict[str, Any], hash8: str, number: int = 1) -> None:
        outcome = "credited" if body["kind"] == "deposit" else "noted"
        credit = max(0, body.get("net_g", 0)) // 10
        self.balance += credit
        answer = {"net_g": body.get("net_g", 0), "credit": credit, "balance": self.balance}
        sealed = self.sealed({**answer, "why": ""}, number)
        rows = [[body["epoch"], body["seq"], hash8, outcome, sealed]]
        self.down(device, "receipt", {"out": rows}, number)

    def send(self, device: str, payload: bytes) -> None:
        self.client.publish(contract.topic(device, "receipt"), payload, qos=1)

    def deposits(self) -> list[dict[str, Any]]:
        """In the order of the journal: a broker that forgets makes bins send again, out of turn."""
        made = [body for body in self.records.values() if body["kind"] == "deposit"]
        return sorted(made, key=lambda body: (body["epoch"], body["seq"]))
