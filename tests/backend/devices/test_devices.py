"""Devices: keys at rest, places by date, journals, births and orders."""

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import select

from backend import tables as t
from backend.deposits import service as deposits
from backend.devices import orders
from backend.devices import service as devices
from backend.devices.keys import opened
from backend.errors import BadInput, NotFound, Taken
from backend.towns import service as towns
from backend.vault import Vault
from tests.backend.village import START_S, Town

DAY_S = 86_400


def test_a_key_is_sealed_at_rest_and_bound_to_its_device(town: Town) -> None:
    with town.services.read() as conn:
        row = conn.execute(select(t.device_key)).one()

    assert town.bin.key not in row.sealed
    with pytest.raises(InvalidTag):
        opened(town.services.vault, 1, "bin-2", 1, row.sealed)
    with pytest.raises(InvalidTag):
        opened(Vault(b"another secret of thirty-two byt"), 1, "bin-1", 1, row.sealed)


def test_a_new_key_is_known_without_a_restart(town: Town) -> None:
    town.outcome(town.bin.deposit())
    answer = town.browser("technician").post("/v1/devices/bin-1/keys", json={"number": 2})
    town.bin.key, town.bin.number = bytes.fromhex(answer.json()["key"]), 2

    assert town.outcome(town.bin.deposit()) == ("credited", "")


def test_the_old_key_still_opens_old_records(small_town: Town) -> None:
    old = small_town.bin.deposit()
    small_town.browser("technician").post("/v1/devices/bin-1/keys", json={"number": 2})

    assert small_town.outcome(old) == ("credited", "")


def test_names_and_keys_that_are_none_are_refused(small_town: Town) -> None:
    vault = small_town.services.vault
    with small_town.services.begin() as conn:
        for name in ("", "Bin", "a/b", "x" * 33):
            with pytest.raises(BadInput):
                devices.provision(conn, vault, 1, name, from_s=START_S)
        with pytest.raises(Taken):
            devices.provision(conn, vault, 1, "bin-1", from_s=START_S)
        with pytest.raises(BadInput):
            devices.add_key(conn, vault, 1, "bin-1", key=b"short", number=3, now_s=START_S)
        with pytest.raises(NotFound):
            devices.add_key(conn, vault, 1, "bin-7", number=1, now_s=START_S)


def test_a_deposit_belongs_to_the_point_of_its_own_day(town: Town) -> None:
    early = town.bin.deposit()
    with town.services.begin() as conn:
        moved = towns.add_point(conn, 1, "Square", now_s=START_S)
        devices.assign(conn, 1, "bin-1", moved.id, from_s=START_S + DAY_S)
    town.clock.now_s += 2 * DAY_S
    late = town.bin.deposit(at_s=START_S + DAY_S, up_ms=town.bin.up_ms + DAY_S * 1000)

    town.gateway.relay(("bin-1", late), ("bin-1", early))

    with town.services.read() as conn:
        found = deposits.of_person(conn, 1, town.amal.id)
    assert [each.point for each in found] == ["Square", "School"]


def test_a_birth_tells_what_the_device_has(town: Town) -> None:
    town.gateway.message("bin-1", "birth", town.bin.birth(session=7))

    found = town.browser("technician").get("/v1/devices/bin-1").json()
    assert (found["birth"]["session"], found["state"]) == (7, "online")
    assert found["seen_s"] == town.clock.now_s
    assert [each["confirmed_s"] is not None for each in found["epochs"]] == [True]


def test_a_birth_that_comes_late_does_not_replace_a_newer_one(small_town: Town) -> None:
    small_town.gateway.message("bin-1", "birth", small_town.bin.birth(session=8))
    small_town.clock.now_s -= 100

    small_town.gateway.message("bin-1", "birth", small_town.bin.birth(session=7))

    found = small_town.browser("technician").get("/v1/devices/bin-1").json()
    assert found["birth"]["session"] == 8


def test_an_unsigned_birth_changes_nothing_and_is_counted(small_town: Town) -> None:
    forged = small_town.bin.birth()[:-4] + "AAAA"

    small_town.gateway.message("bin-1", "birth", forged)

    assert small_town.browser("technician").get("/v1/devices/bin-1").json()["birth"] is None
    assert sum(small_town.health()["refused"].values()) == 1


def test_a_will_of_an_old_session_is_ignored(town: Town) -> None:
    town.gateway.message("bin-1", "birth", town.bin.birth(session=7))
    headers = {"Authorization": f"Bearer {town.gateway.key}"}

    def state_after(session: int) -> str:
        state = {
            "device": "bin-1",
            "received_s": START_S,
            "state": "lost",
            "session": session,
        }
        answer = town.client.post("/v1/telemetry", json={"states": [state]}, headers=headers)
        assert answer.status_code == 204
        found: str = town.browser("technician").get("/v1/devices/bin-1").json()["state"]
        return found

    assert state_after(6) == "online"
    assert state_after(7) == "lost"


def test_an_order_goes_down_signed_until_it_is_delivered(town: Town) -> None:
    town.gateway.message("bin-1", "birth", town.bin.birth(session=7))
    technician = town.browser("technician")
    made = technician.post("/v1/devices/bin-1/commands", json={"name": "tare"})
    assert made.status_code == 202

    down = town.gateway.relay()["down"]
    order = town.bin.open("command", down[0]["body"])
    assert (order["name"], order["session"]) == ("tare", 7)
    assert order["expires_s"] == down[0]["expires_s"]

    assert town.gateway.post({"delivered": [down[0]["id"]]}).json()["down"] == []


def test_an_order_that_has_expired_stays_here(small_town: Town) -> None:
    small_town.gateway.message("bin-1", "birth", small_town.bin.birth())
    small_town.browser("technician").post("/v1/devices/bin-1/commands", json={"name": "tare"})
    small_town.clock.now_s += orders.COMMAND_TTL_S

    assert small_town.gateway.relay()["down"] == []


def test_an_order_to_a_device_that_was_never_online_is_refused_in_words(small_town: Town) -> None:
    technician = small_town.browser("technician")

    answer = technician.post("/v1/devices/bin-1/commands", json={"name": "tare"})

    assert (answer.status_code, "not come online" in answer.json()["detail"]) == (422, True)


def test_an_order_that_no_device_knows_is_refused(small_town: Town) -> None:
    small_town.gateway.message("bin-1", "birth", small_town.bin.birth())
    technician = small_town.browser("technician")

    answer = technician.post("/v1/devices/bin-1/commands", json={"name": "explode"})

    assert answer.status_code == 422
