"""What is not truly signed is refused by name, counted, kept by hash, and takes no name."""

import pytest

from backend.access import service as access
from backend.devices import service as devices
from backend.towns import service as towns
from firmware import contract
from tests.backend.village import AMAL, START_S, Bin, Town, new_gateway


def refused(town: Town, device: str, jws: str) -> str:
    """Relay bytes that must be refused; return why they were."""
    result = town.gateway.relay((device, jws))["results"][0]
    assert result["outcome"] == "refused"
    assert town.health()["refused"][result["reason"]] == 1
    assert town.health()["refused_kept"] == 1
    assert town.health()["records"] == {}
    assert town.balance(town.amal) == 0
    return str(result["reason"])


def test_unknown_device_is_refused(town: Town) -> None:
    stranger = Bin("bin-9", b"k" * 32)

    assert refused(town, "bin-9", stranger.deposit()) == "unknown_device"


def test_device_of_another_town_is_unknown_here(town: Town) -> None:
    foreign = Bin("bin-of-town-2", b"k" * 32)

    assert refused(town, foreign.device, foreign.deposit()) == "unknown_device"


def test_unknown_key_number_is_refused(small_town: Town) -> None:
    small_town.bin.number = 2

    assert refused(small_town, "bin-1", small_town.bin.deposit()) == "unknown_key"


def test_wrong_signature_is_refused(town: Town) -> None:
    forger = Bin("bin-1", b"not the device's key, but as long"[:32])

    assert refused(town, "bin-1", forger.deposit()) == "bad_signature"


def test_changed_payload_is_refused(small_town: Town) -> None:
    jws = small_town.bin.deposit(net_g=2_000)
    head, payload, signature = jws.split(".")
    more = contract.unb64(payload).replace(b'"net_g":2000', b'"net_g":9000')

    reason = refused(small_town, "bin-1", f"{head}.{contract.b64(more)}.{signature}")

    assert reason == "bad_signature"


@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_missing_signature_is_refused(small_town: Town, signature: str) -> None:
    head, payload, _ = small_town.bin.deposit().split(".")

    reason = refused(small_town, "bin-1", f"{head}.{payload}.{signature}")

    assert reason == "bad_signature"


def test_respelt_signature_is_refused(small_town: Town) -> None:
    jws = small_town.bin.deposit()
    # 32 bytes end in four bits that mean something and two that do not.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    respelt = jws[:-1] + alphabet[alphabet.index(jws[-1]) ^ 1]

    assert refused(small_town, "bin-1", respelt) == "bad_encoding"


def test_alg_none_is_refused(small_town: Town) -> None:
    head, payload, _ = small_town.bin.deposit().split(".")
    none = contract.unb64(head).replace(b"HS256", b"none")

    reason = refused(small_town, "bin-1", f"{contract.b64(none)}.{payload}.")

    assert reason == "bad_header"


def test_header_that_differs_by_a_byte_is_refused(small_town: Town) -> None:
    jws = small_town.bin.deposit()
    head, rest = jws.split(".", 1)
    spaced = contract.unb64(head).replace(b",", b", ", 1)

    assert refused(small_town, "bin-1", f"{contract.b64(spaced)}.{rest}") == "bad_header"


def test_record_under_another_devices_topic_is_refused(small_town: Town) -> None:
    other = small_town.add_bin("bin-2")

    assert refused(small_town, "bin-1", other.deposit()) == "topic_mismatch"


def test_message_of_another_channel_is_refused(small_town: Town) -> None:
    assert refused(small_town, "bin-1", small_town.bin.birth()) == "bad_header"


def test_oversized_record_is_refused(small_town: Town) -> None:
    assert refused(small_town, "bin-1", "a" * 1025) == "too_large"


def test_wrong_arithmetic_is_refused(town: Town) -> None:
    assert refused(town, "bin-1", town.bin.deposit(net_g=2_001)) == "bad_arithmetic"


def test_unknown_fraction_is_refused(town: Town) -> None:
    assert refused(town, "bin-1", town.bin.deposit(fraction="gold")) == "unknown_fraction"


def test_missing_field_is_refused(small_town: Town) -> None:
    assert refused(small_town, "bin-1", small_town.bin.deposit(e_g=None)) == "bad_schema"


@pytest.mark.parametrize("sent", ["", "\0", "\0.\0.\0", "ب.ج.د", "a.b", "...."])
def test_any_bytes_at_all_are_refused_and_kept(town: Town, sent: str) -> None:
    assert refused(town, "bin-1", sent) == "bad_encoding"


def test_one_bad_record_leaves_its_neighbours_alone(town: Town) -> None:
    good, bad = town.bin.deposit(), Bin("bin-1", b"x" * 32).deposit()

    answer = town.gateway.relay(("bin-1", good), ("bin-1", bad))

    assert [each["outcome"] for each in answer["results"]] == ["credited", "refused"]


def test_unsigned_bytes_never_occupy_a_name(town: Town) -> None:
    body = town.bin.next()
    forged = Bin("bin-1", b"x" * 32).sign(body)
    town.gateway.relay(("bin-1", forged))

    assert town.outcome(town.bin.sign(body)) == ("credited", "")


def test_refused_bytes_are_counted_once(small_town: Town) -> None:
    forged = Bin("bin-1", b"x" * 32).deposit()

    for _ in range(3):
        small_town.gateway.relay(("bin-1", forged))

    assert small_town.health()["refused"] == {"bad_signature": 1}


def test_requeued_bytes_are_credited_once_their_device_is_registered(town: Town) -> None:
    late = Bin("bin-2", b"k" * 32)
    assert refused(town, "bin-2", late.deposit()) == "unknown_device"
    with town.services.begin() as conn:
        devices.provision(conn, town.services.vault, 1, "bin-2", key=late.key, from_s=START_S)

    answer = town.browser("technician").post("/v1/devices/bin-2/requeue")

    assert answer.json() == {"outcomes": {"credited": 1}}
    assert town.balance(town.amal) == 50
    assert town.health()["refused_kept"] == 0


def test_requeue_leaves_what_is_still_not_signed(small_town: Town) -> None:
    small_town.gateway.relay(("bin-1", Bin("bin-1", b"x" * 32).deposit()))

    answer = small_town.browser("technician").post("/v1/devices/bin-1/requeue")

    assert answer.json() == {"outcomes": {}}
    assert small_town.health()["refused_kept"] == 1


def test_bad_attestation_refuses_the_whole_batch(town: Town) -> None:
    body = town.gateway.batch(("bin-1", town.bin.deposit()))
    body["records"][0]["received_s"] += 1

    answer = town.gateway.post(body)

    assert (answer.status_code, answer.json()["code"]) == (403, "bad_attestation")
    assert town.health()["records"] == {}
    assert town.health()["answered"]["bad_attestation"] == 1


def test_attestation_of_another_gateway_refuses_the_batch(small_town: Town) -> None:
    other = new_gateway(small_town.services, small_town.client, small_town.clock, "gateway-2")
    body = other.batch(("bin-1", small_town.bin.deposit()))

    answer = small_town.gateway.post(body)

    assert (answer.status_code, answer.json()["code"]) == (403, "bad_attestation")


def test_a_gateway_that_calls_itself_otherwise_than_its_key_is_told_both_names(
    small_town: Town,
) -> None:
    headers = {"Authorization": f"Bearer {small_town.gateway.key}", "Farz-Gateway": "town-hall"}

    answer = small_town.client.post("/v1/uplink", json={}, headers=headers)
    same = small_town.client.post(
        "/v1/uplink", json={}, headers=headers | {"Farz-Gateway": small_town.gateway.name}
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "other_gateway")
    words = f"key that was sent is {small_town.gateway.name}'s; the gateway calls itself town-hall"
    assert words in answer.json()["detail"]
    assert same.status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Basic abc", "Bearer "])
def test_unknown_gateway_is_refused(small_town: Town, header: str) -> None:
    answer = small_town.client.post(
        "/v1/uplink", json={}, headers={"Authorization": header} if header else {}
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "bad_gateway_key")
    assert answer.headers["content-type"] == "application/problem+json"


def test_gateway_of_another_town_is_refused(small_town: Town) -> None:
    with small_town.services.begin() as conn:
        towns.found(conn, 2, "Other town (synthetic)", now_s=START_S)
    foreign = new_gateway(
        small_town.services, small_town.client, small_town.clock, "gateway-1", ledger_id=2
    )

    answer = foreign.post(foreign.batch(("bin-1", small_town.bin.deposit(uid=AMAL))))

    assert (answer.status_code, answer.json()["code"]) == (401, "bad_gateway_key")


def test_revoked_gateway_is_refused(small_town: Town) -> None:
    administrator = small_town.browser("administrator")
    with small_town.services.read() as conn:
        gateway_id = access.gateway_of(conn, 1, small_town.gateway.key).id

    administrator.delete(f"/v1/gateways/{gateway_id}")

    assert small_town.gateway.post({}).status_code == 401


def test_too_many_records_are_refused_in_words(small_town: Town) -> None:
    record = {"device": "bin-1", "received_s": START_S, "jws": "x"}

    answer = small_town.gateway.post({"records": [record] * 501})

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")


def test_a_body_beyond_any_honest_one_is_refused(small_town: Town) -> None:
    answer = small_town.client.post("/v1/uplink", content=b" " * (2 * 1024 * 1024 + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
