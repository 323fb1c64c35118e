"""A bin that was shut out meets a broker that no longer takes its certificate."""

import base64
import json
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from backend.devices import certificates
from backend.devices.certificates import Identity
from farz.broker import Broker
from tests.farz.shell import Shell

WAIT_S = 5


def der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


def key_der(path: Path) -> bytes:
    lines = [line for line in path.read_text().splitlines() if "-----" not in line]
    return base64.b64decode("".join(lines))


def provisioned(farz: Shell, device: str, folder: Path) -> Path:
    """Provision a bin; write its papers as PEM, as this test's client wants them."""
    farz.done("device", "provision", device, "--files", str(folder), "--host", "localhost")
    values = json.loads((folder / "settings.json").read_text())
    papers = [bytes.fromhex(values[name]) for name in ("ca", "certificate", "private_key")]
    for name, raw in zip(("ca.crt", "own.crt"), papers, strict=False):
        (folder / name).write_text(certificates.pem(raw))
    (folder / "own.key").write_text(certificates.pem(papers[2], "EC PRIVATE KEY"))
    return folder


def is_let_in(broker: Broker, device: str, folder: Path) -> bool:
    said = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, device, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(
        ca_certs=str(folder / "ca.crt"),
        certfile=str(folder / "own.crt"),
        keyfile=str(folder / "own.key"),
    )

    def connected(_: Any, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if not reason.is_failure:
            said.set()

    client.on_connect = connected
    try:
        client.connect("localhost", broker.port)
        client.loop_start()
        return said.wait(WAIT_S)
    except OSError:
        return False
    finally:
        client.loop_stop()
        client.disconnect()


def test_revoked_bin_is_refused_once_the_broker_has_the_new_list(
    founded: Shell, tmp_path: Path
) -> None:
    tls = tmp_path / "tls"
    founded.done("device", "broker-files", str(tls), "--host", "localhost")
    bins = {name: provisioned(founded, name, tmp_path / name) for name in ("bin-1", "bin-2")}
    identity = Identity(der(tls / "ca.crt"), der(tls / "server.crt"), key_der(tls / "server.key"))
    listed = x509.load_pem_x509_crl((tls / "revoked.crl").read_bytes())
    revoked = listed.public_bytes(Encoding.DER)
    with Broker(tmp_path / "broker", {}, kind="mosquitto", tls=identity, revoked=revoked) as broker:
        assert all(is_let_in(broker, name, folder) for name, folder in bins.items())

        crl = tmp_path / "new.crl"
        told = json.loads(founded.done("device", "revoke", "bin-1", "--crl", str(crl), "--json"))
        fresh = x509.load_pem_x509_crl(crl.read_bytes())
        broker.revoke(fresh.public_bytes(Encoding.DER))

        assert told == {"device": "bin-1", "certificates": 1, "keys": [1]}
        assert not is_let_in(broker, "bin-1", bins["bin-1"])
        assert is_let_in(broker, "bin-2", bins["bin-2"])
