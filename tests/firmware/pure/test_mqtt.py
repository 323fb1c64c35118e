"""MQTT 5 packets, byte for byte (OASIS MQTT 5.0)."""

from firmware import mqtt
from tests.firmware.raises import raises


def test_connect_carries_will_credentials_and_largest_packet():
    packet = mqtt.connect("bin-01", 60, "bin-01", "pw", ("t/state", b"lost"))

    assert packet == (
        b"\x10\x34\x00\x04MQTT\x05\xee\x00\x3c\x05\x27\x00\x00\x08\x00"
        b"\x00\x06bin-01\x00\x00\x07t/state\x00\x04lost\x00\x06bin-01\x00\x02pw"
    )


def test_connect_without_credentials_says_so_in_its_flags():
    assert mqtt.connect("b", 60, None, None, ("t", b""))[9] == 0x2E


def test_publish_of_each_quality():
    message = mqtt.Message("a/b", b"xyz", 1, 7)

    assert mqtt.publish(message) == b"\x32\x0b\x00\x03a/b\x00\x07\x00xyz"
    assert mqtt.publish(message, retain=True)[0] == 0x33
    assert mqtt.publish(mqtt.Message("a/b", b"xyz", 0, 0)) == b"\x30\x09\x00\x03a/b\x00xyz"


def test_publish_comes_back_as_it_went():
    for message in (mqtt.Message("a/b", b"x" * 300, 1, 65535), mqtt.Message("t", b"", 0, 0)):
        packet = mqtt.publish(message)
        start = 3 if len(packet) > 129 else 2
        assert mqtt.read_publish(packet[0] & 15, packet[start:]) == message


def test_properties_of_a_message_are_skipped():
    body = b"\x00\x01t\x00\x07\x03\x01\x02\x03payload"
    assert mqtt.read_publish(2, body) == mqtt.Message("t", b"payload", 1, 7)


def test_subscribe_asks_for_quality_one():
    assert mqtt.subscribe(9, ["t/x"]) == b"\x82\x09\x00\x09\x00\x00\x03t/x\x01"


def test_acknowledgements_may_leave_out_a_good_reason():
    assert mqtt.read_ack(b"\x00\x07") == (7, 0)
    assert mqtt.read_ack(b"\x00\x07\x10") == (7, mqtt.NO_SUBSCRIBERS)
    assert mqtt.read_ack(b"\x00\x07\x87\x00") == (7, mqtt.NOT_AUTHORIZED)
    assert mqtt.read_suback(b"\x00\x09\x00\x01") == (9, 1)
    assert mqtt.read_suback(b"\x00\x09\x00\x01\x87\x01") == (9, 0x87)


def test_lengths_of_the_standard():
    for raw, value in (
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x80\x01", 128),
        (b"\xff\xff\x7f", 2097151),
    ):
        assert mqtt.read_length(raw, 0) == (value, len(raw))


def test_malformed_lengths_are_refused():
    for raw in (b"", b"\x80", b"\xff\xff\xff\xff\x01"):
        raises(ValueError, mqtt.read_length, raw, 0)
