"""The same hops as a deposit takes, with every store taken out: the spine bench's limit.

`python -m bench.hops backend PORT KEYS` checks and settles what it is posted and keeps nothing.
`python -m bench.hops gateway BROKER_PORT PASSWORD BACKEND_URL` passes records up and receipts down.
Both do the work that bytes need on the way (envelope, signature, sealing) and no other.
"""

import json
import queue
import secrets
import signal
import socket
import sys
import threading
from typing import Any

import httpx
import uvicorn
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fastapi import FastAPI
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from firmware import contract

HOST = "127.0.0.1"
BATCH = 500


def backend(port: int, keys: dict[str, str]) -> None:
    """Serve POST /v1/uplink: every true record is `noted`, nothing is stored."""
    app = FastAPI()

    @app.post("/v1/uplink")
    async def uplink(body: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        return {"down": [_settle(row["jws"], keys) for row in body["records"]]}

    @app.get("/readyz")
    async def ready() -> dict[str, bool]:
        return {"ok": True}

    uvicorn.run(app, host=HOST, port=port, loop="uvloop", http="httptools", log_level="warning")


def _settle(jws: str, keys: dict[str, str]) -> dict[str, str]:
    parts = contract.split(jws, "record")
    key = bytes.fromhex(keys[parts.device])
    contract.verify(parts, contract.derive(key, contract.UP))
    body = contract.read(parts)
    shown = {"net_g": body.get("net_g", 0), "credit": 0, "balance": 0, "why": ""}
    key16 = contract.derive(key, contract.ANSWER)[:16]
    sealed = contract.seal(key16, secrets.token_bytes(16), shown, _encrypt)
    row = [body["epoch"], body["seq"], contract.hash8(parts.hash), "noted", sealed]
    down_key = contract.derive(key, contract.DOWN)
    text = contract.sign(down_key, parts.device, parts.number, "receipt", {"out": [row]})
    return {"device": parts.device, "body": text}


def _encrypt(key: bytes, iv: bytes, padded: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(padded) + cipher.finalize()


def gateway(broker_port: int, password: str, url: str) -> None:
    """Receive, acknowledge, say *recorded*, post, publish what comes back; until SIGTERM."""
    waiting: queue.SimpleQueue[MQTTMessage | None] = queue.SimpleQueue()
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id="gateway",
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=True,
    )
    client.username_pw_set("gateway", password)

    def listen(*_: Any) -> None:
        client.subscribe(contract.topic("+", "record"), qos=1)

    def send_at_once(_client: Client, _data: Any, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    client.on_socket_open = send_at_once
    client.on_connect = listen
    client.on_message = lambda _client, _data, message: waiting.put(message)
    client.connect(HOST, broker_port)
    signal.signal(signal.SIGTERM, lambda *_: waiting.put(None))
    worker = threading.Thread(target=client.loop_forever, daemon=True)
    worker.start()
    with httpx.Client(base_url=url) as http:
        while (message := waiting.get()) is not None:
            messages = [message]
            while len(messages) < BATCH and not waiting.empty():
                if (more := waiting.get()) is not None:
                    messages.append(more)
            _pass_on(client, http, messages)
    client.disconnect()


def _pass_on(client: Client, http: httpx.Client, messages: list[MQTTMessage]) -> None:
    records = []
    for message in messages:
        device, _ = contract.parse_topic(message.topic)
        parts = contract.split(message.payload, "record")
        body = contract.read(parts)
        client.ack(message.mid, message.qos)
        name = (body["epoch"], body["seq"], contract.hash8(parts.hash))
        client.publish(contract.topic(device, "receipt"), contract.got([name]), qos=1)
        records.append({"device": device, "jws": message.payload.decode()})
    for down in http.post("/v1/uplink", json={"records": records}).json()["down"]:
        client.publish(contract.topic(down["device"], "receipt"), down["body"], qos=1)


if __name__ == "__main__":
    if sys.argv[1] == "backend":
        backend(int(sys.argv[2]), json.loads(sys.argv[3]))
    else:
        gateway(int(sys.argv[2]), sys.argv[3], sys.argv[4])
