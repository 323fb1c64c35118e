"""The broker as it is deployed: who may say and hear what, and what survives."""

import re
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from farz.broker import Broker, access_list
from firmware import contract
from tests.edge_gateway.doubles import Bin, await_until
from tests.fixtures.brokers import BROKER_USERS, word_of

ACL = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto" / "acl"


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
