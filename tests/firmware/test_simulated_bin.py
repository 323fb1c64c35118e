"""The whole bin under real MicroPython, from card and load cell to broker and back."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from farz.broker import Broker
from farz.processes import await_until, free_port
from firmware import contract
from firmware.journal import read_image
from firmware.reader.staff import tag
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, Bin

UIDS = ("04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6a7b8c9")
WORD = word_of("bin-01")
GAVE_UP, CUT = 3, 4
LIMIT_S = 30.0

SECURE = "04de5f1eacc040"
AES_ZERO = Cipher(algorithms.AES(bytes(16)), modes.ECB())  # one block from a zero IV

MakeBin = Callable[..., Bin]
OpenTown = Callable[..., Town]


def visits(*grams: int, **extra: Any) -> list[dict[str, Any]]:
    return [
        {"at_s": 60 + 600 * i, "uid": UIDS[i % len(UIDS)], "grams": g, **extra}
        for i, g in enumerate(grams)
    ]


@pytest.fixture
def open_town(mosquitto: Broker) -> Iterator[OpenTown]:
    towns: list[Town] = []

    def make(**options: int) -> Town:
        towns.append(Town(mosquitto.port, KEY, word_of("gateway"), **options))
        return towns[-1]

    yield make
    for made in towns:
        made.close()


@pytest.fixture
def town(open_town: OpenTown) -> Town:
    return open_town()


def assert_weighed(town: Town, grams: list[int]) -> None:
    nets = [deposit["net_g"] for deposit in town.deposits()]
    assert len(nets) == len(grams)
    assert all(abs(net - g) <= 1 for net, g in zip(nets, grams, strict=True)), nets


def assert_whole(bin_: Bin, town: Town) -> None:
    """One epoch, no gap, no name with two contents, nothing left unsettled, no fault."""
    assert not town.faults
    assert len({epoch for epoch, _ in town.records}) == 1
    assert sorted(seq for _, seq in town.records) == list(range(len(town.records)))
    assert all(len(hashes) == 1 for hashes in town.hashes.values())
    rows = read_image(bin_.image())
    assert {state for _, _, state in rows} == {"settled"}
    assert {row[0]["seq"] for row in rows} == {seq for _, seq in town.records}


def change(bin_: Bin, **values: Any) -> None:
    """Change some of a bin's settings."""
    path = bin_.folder / "settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_day_of_visits_is_weighed_saved_and_settled(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    grams = [1500, 250, 3210, 640, 5]
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(*grams), WORD)

    assert bin_.run() == 0, bin_.console()

    assert_weighed(town, grams)
    assert_whole(bin_, town)
    assert bin_.shown().count("saved") == bin_.shown().count("credited") == len(grams)
    assert town.states == ["online", "sleeping"]
    assert town.received == len(town.records)


def test_cards_of_every_length_reach_the_backend_and_no_one_else(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500, 500, 500), WORD)

    assert bin_.run() == 0, bin_.console()

    key = contract.derive(KEY, contract.CARD)
    deposits = town.deposits()
    opened = [contract.open_card_token(key, d["epoch"], d["seq"], d["card"]) for d in deposits]
    assert [uid.hex() for uid in opened] == list(UIDS)
    assert not any(bytes.fromhex(uid) in bin_.image() for uid in UIDS)


def test_bin_killed_again_and_again_loses_and_doubles_nothing(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    grams = [500 + 10 * i for i in range(12)]
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(*grams), WORD)

    for saved in (2, 5, 9):
        bin_.start()
        await_until(lambda n=saved: len(bin_.lines("saved")) >= n, LIMIT_S, "saving")  # type: ignore[misc]
        bin_.stop()
    assert bin_.run() == 0, bin_.console()

    assert_whole(bin_, town)
    names = {(row["epoch"], row["seq"]) for row in bin_.lines("saved")}
    assert names <= set(town.records)
    kinds = [body["kind"] for body in town.records.values()]
    assert len(grams) - 3 <= kinds.count("deposit") + kinds.count("interrupted") <= len(grams)


@pytest.mark.parametrize("first", range(8, 14))
def test_power_cut_during_a_visit_leaves_one_record_of_it(
    make_bin: MakeBin, mosquitto: Broker, town: Town, first: int
) -> None:
    bin_ = make_bin()
    # Two visits' worth of operations follow the seven that a new epoch and a start take.
    cuts = [{"op": first, "percent": 50}, {"op": 5, "percent": 0}]
    bin_.set_up(mosquitto.port, visits(700, 800, 900), WORD, cuts=cuts)

    codes = [bin_.run(), bin_.run(), bin_.run()]

    assert codes == [CUT, CUT, 0], bin_.console()
    assert_whole(bin_, town)
    saved = {(row["epoch"], row["seq"]) for row in bin_.lines("saved")}
    assert saved <= set(town.records)


def test_visits_without_a_broker_are_saved_and_settled_later(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    grams = [500, 600, 700]
    bin_ = make_bin()
    bin_.set_up(free_port(), visits(*grams), WORD, give_up_s=1)
    assert bin_.run() == GAVE_UP
    assert bin_.shown().count("saved") == len(grams)
    assert not town.records

    bin_.set_up(mosquitto.port, visits(*grams), WORD)
    assert bin_.run() == 0, bin_.console()

    assert_weighed(town, grams)
    assert_whole(bin_, town)


def test_broker_killed_in_the_middle_changes_no_total(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    grams = [500 + i for i in range(20)]
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(*grams), WORD, patience_s=1)

    bin_.start()
    await_until(lambda: len(bin_.lines("saved")) > 4, LIMIT_S, "saving")
    mosquitto.kill()
    mosquitto.start()
    assert bin_.wait(60) == 0, bin_.console()

    assert_weighed(town, grams)
    assert_whole(bin_, town)


def test_records_wait_for_a_gateway_that_is_not_there(
    make_bin: MakeBin, mosquitto: Broker, open_town: OpenTown
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500), WORD, patience_s=0)
    bin_.start()
    await_until(lambda: len(bin_.lines("saved")) == 1, LIMIT_S, "saving")

    town = open_town()

    assert bin_.wait() == 0, bin_.console()
    assert_weighed(town, [500])
    assert "nobody listens" in [row.get("why") for row in bin_.lines("link")]


def test_bin_that_the_broker_denies_says_so_and_keeps_its_records(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500), WORD, give_up_s=4)
    settings = json.loads((bin_.folder / "settings.json").read_text())
    for user, why in (("bin-02", "denied 0x87"), ("nobody", "refused 0x8")):
        password = word_of(user)
        changed = {**settings, "user": user, "password": password}
        (bin_.folder / "settings.json").write_text(json.dumps(changed))

        assert bin_.run() == GAVE_UP

        assert any(why in row.get("why", "") for row in bin_.lines("link")), bin_.lines("link")
    assert bin_.shown().count("saved") == 1
    assert {"link_denied", "broker_refuses"} <= set(bin_.shown())
    rows = read_image(bin_.image())
    assert {state for _, _, state in rows} == {"unsettled"}
    alarms = [body["what"] for body, _, _ in rows if body["kind"] == "alarm"]
    assert alarms == ["link_denied", "broker_refuses"]
    assert not town.records


def test_recorded_is_not_settled_and_everything_is_sent_again_at_the_next_birth(
    make_bin: MakeBin, mosquitto: Broker, open_town: OpenTown
) -> None:
    forgetful = open_town(settles=False)
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500, 600), WORD, give_up_s=1, patience_s=1)
    assert bin_.run() == GAVE_UP
    assert forgetful.received == 3  # each once, with the epoch's open record
    forgetful.settles = True

    bin_.set_up(mosquitto.port, visits(500, 600), WORD)
    assert bin_.run() == 0, bin_.console()

    assert forgetful.received == 6
    assert_whole(bin_, forgetful)
    assert [birth["oldest_seq"] for birth in forgetful.births] == [0, 0]
    first, second = [birth["session"] for birth in forgetful.births]
    assert first < second


def test_recorded_but_unsettled_records_are_sent_again_after_hours(
    make_bin: MakeBin, mosquitto: Broker, open_town: OpenTown
) -> None:
    town = open_town(settles_at=2)
    bin_ = make_bin()
    morning_and_evening = visits(500, 600)
    morning_and_evening[1]["at_s"] = 13 * 3600
    bin_.set_up(mosquitto.port, morning_and_evening, WORD, give_up_s=1, patience_s=1)

    bin_.run()

    assert len(town.births) == 1
    assert {row["seq"] for row in bin_.lines("settled")} >= {0, 1}
    assert not town.faults


def test_full_journal_refuses_visits_in_words_and_loses_nothing(
    make_bin: MakeBin, mosquitto: Broker, open_town: OpenTown
) -> None:
    open_town(settles=False)
    bin_ = make_bin()
    bin_.set_up(
        mosquitto.port, visits(*range(500, 560)), WORD, flash_sectors=2, give_up_s=1, patience_s=0
    )
    assert bin_.run() == GAVE_UP

    assert "journal_full" in bin_.shown()
    assert bin_.lines("turned_away")
    rows = read_image(bin_.image())
    saved = [(row["epoch"], row["seq"]) for row in bin_.lines("saved")]
    assert [(body["epoch"], body["seq"]) for body, _, _ in rows][1:] == saved
    assert len(saved) + len(bin_.lines("turned_away")) == 60


def test_odd_visits_are_recorded_as_what_they_were(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    odd = visits(500, 600, 700, 800, 900)
    odd[1]["restless_after"] = True
    odd[2]["lid"] = "untouched"
    odd[3]["lid"] = "left_open"
    odd[4]["uid"] = "04aaaaaa+04bbbbbb"
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, odd, WORD)

    assert bin_.run() == 0, bin_.console()

    bodies = [body for body in town.records.values() if body["kind"] != "open"]
    assert [body["kind"] for body in bodies] == ["deposit"] * 3 + ["interrupted"]
    assert [body["flags"] for body in bodies] == [[], ["unstable"], ["below_min"], []]
    assert abs(bodies[2]["net_g"]) <= 1
    assert "two_cards" in bin_.shown()
    assert len(bin_.lines("turned_away")) == 1
    assert_whole(bin_, town)


def test_secure_card_is_read_by_a_pn532_and_says_another_message_each_time(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin()
    day = visits(500, 600, 700, 800, 900)
    for visit in day:
        visit["uid"] = SECURE
    day[2]["leaves_after"] = 2  # torn away before the file is read
    day[3]["replays"] = True
    day[4]["uid"] = f"{SECURE}+{UIDS[0]}"
    keys = {SECURE: [bytes(16).hex(), bytes(16).hex()]}
    bin_.set_up(mosquitto.port, day, WORD, secure=keys)
    change(bin_, reader="pn532")

    assert bin_.run() == 0, bin_.console()

    assert_weighed(town, [500, 600, 800])
    said = [contract.open_secure_token(deposit["card"]) for deposit in town.deposits()]
    assert said[0] != said[1] == said[2]
    plain = AES_ZERO.decryptor().update(said[1][:16])
    assert plain[:11] == b"\xc7" + bytes.fromhex(SECURE) + b"\x02\0\0"
    assert {"card_moved", "two_cards"} <= set(bin_.shown())
    assert len(bin_.lines("turned_away")) == 2
    assert_whole(bin_, town)


def test_service_card_empties_and_tares_and_is_named_and_its_copy_is_refused(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin()
    keys = [bytes(16).hex(), bytes(15).hex() + "01"]
    day = [
        *visits(1500),
        {"at_s": 700, "uid": SECURE, "service": "menu_empty"},
        {"at_s": 900, "uid": SECURE, "service": "menu_tare"},
        {"at_s": 1100, "uid": UIDS[0], "service": "menu_empty"},  # a resident
        {"at_s": 1300, "uid": SECURE, "service": "menu_empty", "replays": True},
    ]
    bin_.set_up(mosquitto.port, day, WORD, secure={SECURE: keys})
    named = tag("bin-01", bytes.fromhex(SECURE))
    change(bin_, reader="pn532", service=[{"tag": named, "picc": keys[0], "mac": keys[1]}])

    assert bin_.run() == 0, bin_.console()

    bodies = list(town.records.values())
    emptied = [body for body in bodies if body["kind"] == "emptied"]
    assert [round((b["before_g"] - b["after_g"]) / 10) for b in emptied] == [150]
    tares = [body for body in bodies if body["kind"] == "tare"]
    assert [body["what"] for body in tares] == ["zero"]
    for who in (emptied[0]["who"], tares[0]["by"]):
        plain = AES_ZERO.decryptor().update(contract.open_secure_token(who)[:16])
        assert plain[1:8] == bytes.fromhex(SECURE)
    alarms = [body["what"] for body in bodies if body["kind"] == "alarm"]
    assert alarms.count("service card refused") == 1
    assert "service_refused" in bin_.shown()
    assert_whole(bin_, town)


def test_bin_without_its_reader_says_so_and_notes_it_once(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500), WORD, reader_hangs=True)
    change(bin_, reader="pn532")

    assert bin_.run() == 0, bin_.console()

    assert "reader_failed" in bin_.shown()
    assert [b["what"] for b in town.records.values() if b["kind"] == "alarm"] == ["reader dead"]
    assert not town.deposits()


def test_forced_lid_is_told_alarmed_and_flagged(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    odd = visits(500, 600, 700)
    odd[0]["lid"], odd[1]["lid"] = "forced", "reopened"
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, odd, WORD)

    assert bin_.run() == 0, bin_.console()

    bodies = [body for body in town.records.values() if body["kind"] != "open"]
    assert [body["kind"] for body in bodies] == ["tamper", "deposit", "deposit", "deposit"]
    assert bodies[0]["what"] == "lid forced"
    assert [body["flags"] for body in bodies[1:]] == [[], ["lid_forced"], []]
    assert bin_.shown().count("lid_forced") == 2
    assert_weighed(town, [500, 600, 700])
    assert_whole(bin_, town)


@pytest.mark.parametrize("safe", ["locked", "unlocked"])
def test_empty_battery_lets_nobody_in_and_the_lid_falls_into_its_safe_state(
    make_bin: MakeBin, mosquitto: Broker, town: Town, safe: str
) -> None:
    bin_ = make_bin()
    sinking = [[0, 12600], [1500, 11600], [2700, 11000], [3900, 12700]]
    bin_.set_up(
        mosquitto.port,
        visits(*range(500, 1400, 100)),
        WORD,
        battery_mv=sinking,
        solar_mv=[[0, 12600], [1500, 500]],
        surface_mm=[[0, 620]],
    )
    bin_.change_settings(
        battery={"ratio_x1000": 5700, "low_mv": 11800, "least_mv": 11200},
        fill={"empty_mm": 900, "full_mm": 300},
        lid_safe=safe,
        reader="mfrc522",
    )

    assert bin_.run() == 0, bin_.console()

    flags = [deposit["flags"] for deposit in town.deposits()]
    assert flags == [[]] * 3 + [["low_battery"]] * 2 + [[]] * 2
    assert bin_.shown().count("battery_low") == 2
    assert not any(body["kind"] == "tamper" for body in town.records.values())
    dropped = {"locked": 7, "unlocked": 9}  # an unlocked lid still takes waste
    assert len(bin_.lines("dropped")) == dropped[safe]
    assert [row["fill_pct"] for row in town.telemetry][-1] == 47
    assert {round(row["battery_mv"] / 100) for row in town.telemetry} >= {126, 110}
    assert {round(row["solar_mv"] / 100) for row in town.telemetry} == {126, 5}
    # The radio wakes for each visit, but not for those of a low battery.
    assert [row["naps"] for row in bin_.lines("radio")] == [True, False] * 5
    assert [row["every_ms"] for row in bin_.lines("looks")] == [100, 400, 100]
    assert_whole(bin_, town)


def test_bin_that_its_sensor_finds_full_lets_nobody_in_until_it_was_emptied(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    day = visits(500, 600)
    bin_ = make_bin()
    surface_mm = [[0, 280], [day[0]["at_s"] + 60, 850]]
    bin_.set_up(mosquitto.port, day, WORD, surface_mm=surface_mm)
    bin_.change_settings(fill={"empty_mm": 900, "full_mm": 300})

    assert bin_.run() == 0, bin_.console()

    assert bin_.shown().count("bin_full") == 1
    assert [deposit["net_g"] for deposit in town.deposits()] == [600]


def test_real_time_may_be_hastened_instead_of_jumped(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    one = [{"at_s": 2, "uid": UIDS[0], "grams": 500}]
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, one, WORD, speed=10)

    assert bin_.run() == 0, bin_.console()

    assert_weighed(town, [500])
    rows = bin_.lines()
    seconds = (rows[-1]["wall_ms"] - rows[0]["wall_ms"]) / 1000
    assert (rows[-1]["at_s"] - rows[0]["at_s"]) / seconds == pytest.approx(10, rel=0.5)


def test_bin_that_runs_on_stops_when_told_and_the_broker_says_lost(
    make_bin: MakeBin, mosquitto: Broker, town: Town, open_town: OpenTown
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500), WORD, until="stopped")
    bin_.start()
    await_until(lambda: bool(bin_.lines("settled")), LIMIT_S, "settling")

    assert bin_.process is not None
    os.kill(bin_.process.pid, signal.SIGTERM)

    assert bin_.wait() != 0
    await_until(lambda: town.states[-1] == "lost", LIMIT_S, "the will")
    assert_whole(bin_, town)
    assert set(town.sessions) == {town.births[-1]["session"]}  # a will that comes late is told
    town.close()
    late = open_town()
    await_until(lambda: bool(late.births and late.states), LIMIT_S, "what is retained")
    assert (late.births, late.states) == (town.births, ["lost"])
