"""The broker as it is deployed: who may say and hear what, and what survives."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from backend.devices import certificates
from backend.devices.certificates import Authority
from edge_gateway.broker import BrokerClient
from edge_gateway.receipts import Publish
from edge_gateway.settings import Settings
from farz.broker import Broker, access_list
from farz.processes import ROOT
from firmware import contract
from tests.edge_gateway.doubles import Bin, await_until
from tests.fixtures.brokers import BROKER_USERS, word_of

ACL = ROOT / "farz" / "mosquitto" / "acl"


def test_access_list_is_the_contract() -> None:
    rules = re.findall(r"^(pattern|topic) (read|write) (\S+)$", ACL.read_text(), re.MULTILINE)

    expected = set()
    for channel, (direction, _, _) in contract.CHANNELS.items():
        device, gateway = ("write", "read") if direction == "up" else ("read", "write")
        expected.add(("pattern", device, contract.topic("%u", channel)))
        expected.add(("topic", gateway, contract.topic("+", channel)))
    assert set(rules) == expected


def test_each_gateway_has_its_block() -> None:
    text = access_list(["north", "south"])

    assert re.findall(r"^user (\S+)$", text, re.MULTILINE) == ["north", "south"]
    assert text.count("topic write") == 2 * 4


@pytest.mark.parametrize("channel", ["receipt", "command", "settings", "answer"])
def test_device_cannot_speak_for_the_gateway(mosquitto: Broker, channel: str) -> None:
    device = Bin("bin-01", mosquitto)

    assert device.send(b"{}", channel) == 0x87
    device.close()


def test_client_id_of_another_evicts_nobody(mosquitto: Broker) -> None:
    device = Bin("bin-01", mosquitto)
    impostor = Client(
        CallbackAPIVersion.VERSION2, client_id="bin-01", protocol=MQTTProtocolVersion.MQTTv5
    )
    impostor.username_pw_set("bin-02", word_of("bin-02"))
    impostor.connect(mosquitto.host, mosquitto.port)
    impostor.loop_start()
    await_until(impostor.is_connected, "the impostor's connection")

    assert device.send(b"{}") in (0, 0x10)
    assert device.connections == 1
    impostor.disconnect()
    impostor.loop_stop()
    device.close()


def test_port_is_kept_over_kill_and_start(mosquitto: Broker) -> None:
    port, pid = mosquitto.port, mosquitto.pid

    mosquitto.kill()
    assert not mosquitto.running
    mosquitto.start()

    assert (mosquitto.port, mosquitto.running) == (port, True)
    assert mosquitto.pid != pid


def test_files_with_passwords_are_private(mosquitto: Broker) -> None:
    text = (mosquitto.directory / "passwords").read_text()

    assert word_of("bin-01") not in text
    assert all(name in text for name in BROKER_USERS)
    assert (mosquitto.directory / "passwords").stat().st_mode & 0o077 == 0


def test_embedded_broker_carries_messages_and_says_what_it_is(iotcore: Broker) -> None:
    device = Bin("bin-01", iotcore)

    assert device.send(b"{}", "record") in (0, 0x10)
    assert (iotcore.kind, iotcore.host) == ("iotcore", "127.0.0.1")
    assert "apt-get install mosquitto" in iotcore.note
    device.close()


def test_gateway_with_a_certificate_is_let_in_and_one_without_is_not(
    tls_mosquitto: Broker, authority: Authority, tmp_path: Path
) -> None:
    mine = certificates.identity(authority, "gateway", int(time.time()))
    files = {
        "broker_ca": certificates.pem(mine.authority_der),
        "broker_certificate": certificates.pem(mine.certificate_der),
        "broker_private_key": certificates.pem(mine.key_der, "EC PRIVATE KEY"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = {name: tmp_path / name for name in files}

    def connects(given: dict[str, Path], limit_s: float) -> bool:
        settings = Settings(
            data_dir=tmp_path,
            broker_host="localhost",
            broker_port=tls_mosquitto.port,
            **given,  # type: ignore[arg-type]
        )
        client = BrokerClient(settings, lambda _: None, lambda: 1.0, lambda _: None)
        client.start()
        deadline_s = time.monotonic() + limit_s
        while not client.connected and time.monotonic() < deadline_s:
            time.sleep(0.05)
        client.stop()
        return client.reconnects >= 0

    assert connects(paths, 10)
    assert not connects({"broker_ca": paths["broker_ca"]}, 1.5)


def test_a_gateway_that_is_in_no_access_list_is_told_by_its_certificates_name(
    tls_mosquitto: Broker, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = certificates.identity(authority, "town-hall", int(time.time()))
    texts = {
        "broker_ca": certificates.pem(mine.authority_der),
        "broker_certificate": certificates.pem(mine.certificate_der),
        "broker_private_key": certificates.pem(mine.key_der, "EC PRIVATE KEY"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    given: dict[str, Any] = {name: tmp_path / name for name in texts}
    settings = Settings(
        data_dir=tmp_path, broker_host="localhost", broker_port=tls_mosquitto.port, **given
    )
    confirmed: list[int] = []

    client = BrokerClient(settings, lambda _: None, lambda: 1.0, confirmed.append)
    assert "is called gateway, its certificate town-hall" in caplog.text
    client.start()
    order = Publish(contract.topic("bin-01", "command"), b"x", 1, False, None, 7)
    client.publish([order])
    await_until(lambda: "does not let" in client.problem, "the broker's refusal")
    client.stop()

    assert "does not let town-hall speak to bins" in client.problem
    assert "farz device broker-files" in client.problem
    assert confirmed == []  # and so the backend hands it out again
