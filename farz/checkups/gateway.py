"""The gateway of this machine: its key, its settings, the broker and the backend as it sees them.

A running gateway is asked how it is. Only where none runs does a check connect by itself: under
the gateway's own name, so a second connection would throw the first one out.
"""

import json
import re
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

from farz.checkups.finding import WARNING, WELL, WRONG, Finding
from farz.errors import in_words

if TYPE_CHECKING:
    from edge_gateway.settings import Settings

CONNECT_S = 5.0
SOON_DAYS = 30
DAY_S = 86_400


def is_here() -> bool:
    """Tell whether a gateway was set up on this machine."""
    import os

    from edge_gateway.attest import KEY_FILE
    from edge_gateway.errors import SettingsError
    from edge_gateway.settings import load

    if any(name.startswith("FARZ_GATEWAY_") for name in os.environ):
        return True
    with suppress(SettingsError):
        return (load().data_dir / KEY_FILE).exists()
    return False


def key(name: str) -> Finding:
    from edge_gateway import attest
    from edge_gateway.errors import SettingsError

    try:
        attest.load(_settings().data_dir)
    except SettingsError as error:
        words, _, cure = str(error).partition(" M")
        return Finding(name, WRONG, words, cure.split(": ", 1)[-1] or "farz gateway init")
    return Finding(name, WELL, "readable by its owner alone")


def broker(name: str) -> Finding:
    found = _settings()
    running = _health(found)
    if running:
        if running.get("connected"):
            return Finding(name, WELL, "the running gateway is connected")
        words = "; ".join(running.get("problems", ())) or "the running gateway is not connected"
        return Finding(name, WRONG, words, "systemctl status mosquitto")
    said = _connect(found)
    where = f"{found.broker_host}:{found.broker_port}"
    if said == "Success":
        return Finding(name, WELL, f"{where} lets {found.gateway} in; no gateway is running")
    return Finding(name, WRONG, f"{where}: {said}", "systemctl status mosquitto")


def uplink(name: str) -> Finding:
    """An empty batch moves nothing and is answered like any other."""
    from edge_gateway import attest
    from edge_gateway.backend import Backend
    from edge_gateway.errors import GatewayError

    found = _settings()
    try:
        client = Backend(found, attest.load(found.data_dir))
        try:
            client.uplink((), ())
        finally:
            client.close()
    except GatewayError as error:
        words = re.sub(r"\[Errno -?\d+\] ", "", str(error))
        return Finding(name, WRONG, words, _cure_of_uplink(error, found))
    return Finding(name, WELL, f"{found.backend_url} knows {found.gateway}")


def _cure_of_uplink(error: Exception, found: "Settings") -> str:
    """What to do: there is no key here, or the backend is away, busy, or does not know us."""
    from edge_gateway.errors import (
        BackendBusy,
        BackendRefused,
        BackendUnreachable,
        SettingsError,
    )

    cures: dict[type[Exception], str] = {
        SettingsError: "farz gateway init",
        BackendUnreachable: "systemctl start farz-backend on its machine; if it serves elsewhere "
        f"than at {found.backend_url}, put its address into FARZ_GATEWAY_BACKEND_URL",
        BackendBusy: "farz doctor on the backend's machine tells what it waits for",
        BackendRefused: f"farz device gateway {found.gateway} PUBLIC_KEY on the backend's machine, "
        "then put the key it prints into FARZ_GATEWAY_BACKEND_KEY",
    }
    other = f"put the backend's address into FARZ_GATEWAY_BACKEND_URL; {found.backend_url} is none"
    return next((cure for kind, cure in cures.items() if isinstance(error, kind)), other)


def certificate(name: str) -> Finding:
    """When the broker's certificate runs out, as it shows itself now."""
    import socket

    found = _settings()
    if found.broker_ca is None:
        return Finding(name, WELL, "no TLS is asked for; only for a broker on this machine")
    context = ssl.create_default_context(cafile=str(found.broker_ca))
    try:
        with (
            socket.create_connection((found.broker_host, found.broker_port), CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=found.broker_host) as wrapped,
        ):
            shown: dict[str, Any] = wrapped.getpeercert() or {}
    except OSError as error:
        return Finding(name, WRONG, f"{error}", "farz device certificate --help")
    left_days = int(ssl.cert_time_to_seconds(shown["notAfter"]) - time.time()) // DAY_S
    level = WELL if left_days > SOON_DAYS else WARNING
    cure = "" if level == WELL else "issue the broker a new certificate"
    return Finding(name, level, f"valid for {left_days} days", cure)


def backlog(name: str) -> Finding:
    running = _health(_settings())
    if not running:
        return Finding(name, WARNING, "no gateway is running here", "systemctl start farz-gateway")
    if running.get("ok"):
        return Finding(name, WELL, f"nothing waits longer than {running.get('lag_s', 0)} s")
    words = "; ".join(running.get("problems", ()))
    return Finding(name, WARNING, words, "journalctl -u farz-gateway")


def _settings() -> "Settings":
    from edge_gateway.settings import load

    return load()


def _health(found: "Settings") -> dict[str, Any]:
    with suppress(URLError, OSError, ValueError):
        with urlopen(f"http://127.0.0.1:{found.health_port}/healthz", timeout=3) as answer:
            said: dict[str, Any] = json.load(answer)
        return said if said.get("gateway") == found.gateway else {}
    return {}


def _connect(found: "Settings") -> str:
    """Connect as the gateway would, leaving its session as it is; return the broker's word."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    answered, said = threading.Event(), ["no answer"]

    def heard(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        said[0] = str(reason)
        answered.set()

    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=found.gateway,
        protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=True,
    )
    client.username_pw_set(found.gateway, found.broker_password.get_secret_value())
    if found.broker_ca is not None:
        papers = [found.broker_certificate, found.broker_private_key]
        certificate, key = (None if each is None else str(each) for each in papers)
        client.tls_set(str(found.broker_ca), certificate, key)
    client.on_connect = heard
    kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
    kept.SessionExpiryInterval = found.session_s
    try:
        client.connect(found.broker_host, found.broker_port, clean_start=False, properties=kept)
    except OSError as error:
        return in_words(error)
    client.loop_start()
    answered.wait(CONNECT_S)
    client.disconnect()
    client.loop_stop()
    return said[0]
