"""What a message is, by topic and bytes alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_gateway import inbox
from edge_gateway.inbox import Message, Record, Rejected, Report
from firmware import contract
from tests.edge_gateway.doubles import EPOCH, deposit, forged, name_of, signed

TOPIC = contract.topic("bin-01", "record")


def refused(topic: str, raw: bytes) -> Rejected:
    reading = inbox.read(topic, raw)
    assert isinstance(reading, Rejected)
    assert reading.raw == raw
    return reading


def test_true_deposit_is_received_with_its_bytes_unchanged() -> None:
    raw = signed("bin-01", deposit(7))

    reading = inbox.read(TOPIC, raw)

    assert isinstance(reading, Record)
    assert (reading.device, reading.epoch, reading.seq) == ("bin-01", EPOCH, 7)
    assert reading.jws == raw
    assert list(reading.name) == name_of(raw, deposit(7))


def test_gateway_does_not_judge_signatures() -> None:
    body, _, signature = signed("bin-01", deposit(7)).rpartition(b".")
    other = signed("bin-02", deposit(7)).rpartition(b".")[2]

    assert other != signature
    assert isinstance(inbox.read(TOPIC, body + b"." + other), Record)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"net_g": 1_201}, "bad_arithmetic"),
        ({"fraction": "gold"}, "unknown_fraction"),
        ({"kind": "gift"}, "bad_schema"),
        ({"seq": -1}, "bad_schema"),
        ({"epoch": "short"}, "bad_schema"),
        ({"after_g": ...}, "bad_schema"),
        ({"net_g": 1_200.0}, "bad_json"),
        ({"card": "ü"}, "bad_json"),
        ({"boot": 2**53}, "bad_json"),
    ],
)
def test_what_breaks_the_contract_is_refused_by_name(changed: dict[str, Any], reason: str) -> None:
    raw = forged("bin-01", deposit(7, **changed))

    assert refused(TOPIC, raw).reason == reason


def test_foreign_topic_is_refused() -> None:
    raw = signed("bin-02", deposit(7))

    assert refused(TOPIC, raw).reason == "topic_mismatch"


@pytest.mark.parametrize("topic", ["farz/2/bin-01/record", "farz/1/Bin/record", "other", ""])
def test_topic_that_is_none_of_ours_is_refused(topic: str) -> None:
    assert refused(topic, signed("bin-01", deposit(7))).reason == "topic_mismatch"


def test_downward_topic_is_refused() -> None:
    raw = signed("bin-01", deposit(7))

    assert refused(contract.topic("bin-01", "receipt"), raw).reason == "topic_mismatch"


def test_alg_none_is_refused() -> None:
    header = b'{"alg":"none","kid":"bin-01.1","typ":"farz.record"}'

    assert refused(TOPIC, forged("bin-01", deposit(7), header=header)).reason == "bad_header"


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"HS256", "kid":"bin-01.1","typ":"farz.record"}',
        b'{"alg":"HS256","kid":"bin-01.01","typ":"farz.record"}',
        b'{"alg":"HS256","kid":"bin-01.1","typ":"farz.birth"}',
        b'{"alg":"HS256","kid":"bin-01.1","typ":"farz.record","x":1}',
    ],
)
def test_header_that_differs_by_a_byte_is_refused(header: bytes) -> None:
    assert refused(TOPIC, forged("bin-01", deposit(7), header=header)).reason == "bad_header"


def test_too_large_is_refused() -> None:
    raw = forged("bin-01", deposit(7, note="x" * 1000))

    assert refused(TOPIC, raw).reason == "too_large"


def test_respelt_base64_is_refused() -> None:
    body, _, signature = signed("bin-01", deposit(7)).rpartition(b".")
    last = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(signature[-1:])
    respelt = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[
        last + 1 : last + 2
    ]

    assert refused(TOPIC, body + b"." + signature[:-1] + respelt).reason == "bad_encoding"


def test_missing_signature_is_refused() -> None:
    body = signed("bin-01", deposit(7)).rpartition(b".")[0]

    assert refused(TOPIC, body).reason == "bad_encoding"
    assert refused(TOPIC, body + b".").reason == "bad_signature"


def test_refused_record_keeps_its_name_where_it_can_be_read() -> None:
    body = deposit(7, fraction="gold")
    raw = forged("bin-01", body)

    name = refused(TOPIC, raw).name

    assert name is not None
    assert list(name) == name_of(raw, body)


@pytest.mark.parametrize("raw", [b"", b"..", b"a.b.c", b"\xff" * 40, b"." * 2000, b"x" * 20_000])
def test_rubbish_is_refused_without_a_name(raw: bytes) -> None:
    assert refused(TOPIC, raw).name is None


def test_birth_ask_and_result_are_messages() -> None:
    ask = {"v": 1, "nonce": "0" * 32, "card": "u." + contract.b64(bytes(16)), "session": 1}
    raw = signed("bin-01", {**ask, "ttl_s": 30}, "ask")

    reading = inbox.read(contract.topic("bin-01", "ask"), raw)

    assert isinstance(reading, Message)
    assert (reading.channel, reading.ttl_s) == ("ask", 30)


def test_state_and_telemetry_are_reports() -> None:
    reading = inbox.read(contract.topic("bin-01", "state"), b'{"session":4,"state":"lost"}')

    assert reading == Report("bin-01", "state", {"session": 4, "state": "lost"})
    assert refused(contract.topic("bin-01", "telemetry"), b'{"fill_pct":1}').reason == "bad_schema"


SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def outcome(reader: Any, *arguments: Any) -> Any:
    try:
        return repr(reader(*arguments))
    except contract.ContractError as error:
        return error.reason


@given(VALUES, st.booleans())
def test_fast_reader_agrees_with_the_contract_on_json(value: Any, sort: bool) -> None:
    for text in (
        json.dumps(value, sort_keys=sort, separators=(",", ":")),
        json.dumps(value, sort_keys=sort),
        json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False),
    ):
        raw = text.encode("utf-8", "surrogatepass")
        assert outcome(inbox.parse, raw) == outcome(contract.parse_json, raw)


@given(st.binary(max_size=60) | st.from_regex(rb'[\[{"0-9eE+.,:\-a-z\]}]{1,20}', fullmatch=True))
def test_fast_reader_agrees_with_the_contract_on_bytes(raw: bytes) -> None:
    assert outcome(inbox.parse, raw) == outcome(contract.parse_json, raw)


@given(st.integers(0, 600), st.integers(0, 255), st.sampled_from(["set", "cut", "insert"]))
def test_fast_split_agrees_with_the_contract(at: int, byte: int, how: str) -> None:
    raw = bytearray(signed("bin-01", deposit(7)))
    inbox.split(bytes(raw), "record")
    at = min(at, len(raw) - 1)
    if how == "set":
        raw[at] = byte
    elif how == "cut":
        del raw[at]
    else:
        raw.insert(at, byte)

    def slow(text: bytes, channel: str) -> Any:
        parts = contract.split(text, channel)
        return parts.device, parts.payload, parts.hash

    assert outcome(inbox.split, bytes(raw), "record") == outcome(slow, bytes(raw), "record")
