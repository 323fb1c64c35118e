"""What goes down to a device: settings that add up, a next key, answers; and where old keys end."""

from typing import Any

import pytest

from backend.devices import orders
from backend.devices import service as devices
from backend.errors import BadInput
from firmware import contract
from tests.backend.village import Town


def online(town: Town) -> Any:
    town.gateway.message("bin-1", "birth", town.bin.birth(session=7))
    return town.browser("technician")


def newest(town: Town, channel: str) -> dict[str, Any]:
    """What the gateway would publish now, opened as the device does."""
    down = [each for each in town.gateway.relay()["down"] if each["channel"] == channel]
    return town.bin.open(channel, down[-1]["body"])


def answer(town: Town, order_id: int, ok: bool, words: str) -> None:
    body = {"v": 1, "id": str(order_id), "ok": ok, "words": words}
    town.gateway.message("bin-1", "result", town.bin.sign(body, "result"))


def test_settings_are_laid_over_those_sent_before(town: Town) -> None:
    technician = online(town)
    for values in ({"language": "ar"}, {"fractions": ["glass"]}, {"language": None, "scale": 0}):
        made = technician.post("/v1/devices/bin-1/settings", json={"values": values})
        assert made.status_code == 202, made.text

    sent = newest(town, "settings")

    assert sent["values"] == {"fractions": ["glass"], "scale": 0}
    assert sent["number"] == made.json()["id"]
    assert len(town.gateway.relay()["down"]) == 1, "older ones would only be replaced"


def test_settings_that_the_device_refused_are_no_ground_for_the_next(town: Town) -> None:
    technician = online(town)
    first = technician.post("/v1/devices/bin-1/settings", json={"values": {"scale": 0}}).json()
    bad = technician.post("/v1/devices/bin-1/settings", json={"values": {"host": "x"}}).json()
    answer(town, first["id"], True, "in force")
    answer(town, bad["id"], False, "given up: the bin did not come online with them")

    technician.post("/v1/devices/bin-1/settings", json={"values": {"language": "fr"}})

    assert newest(town, "settings")["values"] == {"scale": 0, "language": "fr"}
    listed = technician.get("/v1/devices/bin-1/orders").json()
    assert [(each["name"], each["ok"]) for each in listed] == [
        ("language, scale", None),
        ("host, scale", False),
        ("scale", True),
    ]


def test_what_weighs_and_what_signs_is_not_changed_from_afar(small_town: Town) -> None:
    technician = online(small_town)
    for name in ("key", "max_g", "private_key", "device"):
        made = technician.post("/v1/devices/bin-1/settings", json={"values": {name: 1}})
        assert (made.status_code, "from afar" in made.json()["detail"]) == (422, True)
    with small_town.services.begin() as conn, pytest.raises(BadInput):
        orders.tune(conn, small_town.services.vault, 1, "bin-1", {"host": "x" * 2000}, now_s=5)


def test_an_order_that_was_done_is_not_undone_by_the_refusal_of_its_repeat(town: Town) -> None:
    technician = online(town)
    made = technician.post("/v1/devices/bin-1/commands", json={"name": "tare"}).json()
    answer(town, made["id"], True, "0 g are zero now")
    answer(town, made["id"], False, "it was obeyed before: an order counts once")

    (order,) = technician.get("/v1/devices/bin-1/orders").json()
    assert (order["ok"], order["words"]) == (True, "0 g are zero now")


def test_a_next_key_goes_down_sealed_and_signs_once_the_device_says_so(town: Town) -> None:
    technician = online(town)
    assert technician.post("/v1/devices/bin-1/rotation").status_code == 202
    order = newest(town, "command")
    new_key = bytes.fromhex(town.bin.unseal(order["args"]["sealed"])["key"])
    assert (order["name"], order["args"]["number"], len(new_key)) == ("rotate", 2, 32)
    technician.post("/v1/devices/bin-1/commands", json={"name": "identify"})
    assert newest(town, "command")["name"] == "identify", "still signed under the old key"

    end = town.bin.next("key", what="ended", by="backend", readings=[1, 2])
    assert town.outcome(town.bin.sign(end))[0] == "noted"
    late = town.bin.deposit()
    ask = town.bin.ask(bytes(4))
    old_key, epoch = town.bin.key, town.bin.epoch
    assert town.outcome(late) == ("refused", "ended_key")
    down = town.gateway.message("bin-1", "ask", ask)["down"]
    assert "answer" not in {each["channel"] for each in down}

    town.bin.key, town.bin.number = new_key, 2
    town.gateway.message("bin-1", "birth", town.bin.birth(session=8))
    assert town.outcome(town.bin.deposit())[0] == "credited"
    technician.post("/v1/devices/bin-1/commands", json={"name": "tare"})
    assert newest(town, "command")["name"] == "tare"
    with town.services.read() as conn:
        assert devices.key_ends(conn, 1, "bin-1") == {1: (epoch, end["seq"])}
    assert old_key != new_key
    assert "rotate" in contract.COMMANDS


def test_a_key_that_was_shut_counts_for_nothing_new_in_any_journal(town: Town) -> None:
    assert town.outcome(town.bin.deposit())[0] == "credited"
    first = town.bin.epoch, town.bin.seq
    town.bin.epoch, town.bin.seq = "e" * 16, 0
    assert town.outcome(town.bin.deposit()) == ("held", "new_epoch")
    with town.services.begin() as conn:
        devices.end_key(conn, 1, "bin-1", 1, ("e" * 16, 0), now_s=5)  # a swap's, drawn nearer
        assert devices.shut_keys(conn, 1, "bin-1", now_s=6) == [1]
        assert devices.shut_keys(conn, 1, "bin-1", now_s=7) == []

    assert town.outcome(town.bin.deposit()) == ("refused", "ended_key")
    town.bin.epoch, town.bin.seq = first
    assert town.outcome(town.bin.deposit()) == ("refused", "ended_key"), "an older journal's"


def test_a_new_board_is_handed_what_was_changed_from_afar_without_the_old_papers(
    town: Town,
) -> None:
    technician = online(town)
    with town.services.begin() as conn:
        vault = town.services.vault
        assert orders.hand_over(conn, vault, 1, "bin-1", 1, now_s=5) == {}, "nothing to say"
    values = {"language": "fr", "certificate": "30" * 300}
    technician.post("/v1/devices/bin-1/settings", json={"values": values}).raise_for_status()

    with town.services.begin() as conn:
        key = devices.add_key(conn, vault, 1, "bin-1", number=2, now_s=town.services.now_s())
        handed = orders.hand_over(conn, vault, 1, "bin-1", 2, now_s=town.services.now_s())

    assert handed == {"language": "fr"}
    town.bin.key, town.bin.number = key, 2
    assert newest(town, "settings")["values"] == {"language": "fr"}
