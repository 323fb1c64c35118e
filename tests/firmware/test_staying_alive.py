"""A bin whose task hangs starts anew and says why; a clock that jumps years is not believed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farz.broker import Broker
from firmware.slots import Slots
from tests.firmware.test_simulated_bin import WORD, MakeBin, assert_weighed, assert_whole, visits
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY

RESTART, BITTEN = 5, 6
DAY_S = 86400
# What hangs -> the patch that makes it hang from the start on.
HANGS = {
    "visits": "Visits._weigh = hang",
    "rest": "Visits.rest = hang",
    "link": "Link.run = hang",
    "lid": "App._watch = hang",
    "yard": "App._look_around = hang",
    "clock": "App._keep_time = hang",
    "report": "App._report = hang",
    "orders": "App._obey = hang",
    "restart": "App._start_anew = hang",
    "renewal": "App._renew = hang",
}


@pytest.fixture
def town(mosquitto: Broker) -> Iterator[Town]:
    made = Town(mosquitto.port, KEY, word_of("gateway"))
    yield made
    made.close()


def test_unplugged_cell_is_said_in_words_and_by_an_alarm_until_it_is_back(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    day = visits(500, 600, 700)
    out_s, back_s = day[1]["at_s"] - 100, day[1]["at_s"] + 100
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, day, WORD, unplugged=[[out_s, True], [back_s, False]])

    assert bin_.run() == 0, bin_.console()

    assert [deposit["net_g"] for deposit in town.deposits()] == [500, 700]
    assert bin_.shown().count("scale_failed") == 1
    told = [body["what"] for body in town.records.values() if body["kind"] == "alarm"]
    assert told == ["cell silent", "cell speaks"]


def patched(tmp_path: Path, folder: Path, patch: str) -> Path:
    script = tmp_path / "patched.py"
    script.write_text(
        "import asyncio\n"
        "from firmware.boards import simtime, simulated\n"
        "async def hang(*_):\n"
        "    await asyncio.Event().wait()\n"
        "async def leave(app):\n"
        "    app._leaving.set()\n"
        "    await asyncio.Event().wait()\n"
        "def spin(visits):\n"
        "    while True:\n"
        "        simtime._clock.spend(10000)\n"
        "def patch():\n"
        "    from firmware.app import App\n"
        "    from firmware.link import Link\n"
        "    from firmware.visits import Visits\n"
        f"    {patch}\n"
        "def first(board):\n"
        "    patch()\n"
        "    return 'power'\n"
        "simulated.SimBoard.reset_cause = first\n"
        f"simulated.main({str(folder)!r})\n"
    )
    return script


@pytest.mark.parametrize("name", HANGS)
def test_task_that_hangs_is_found_and_named_in_the_next_birth(
    make_bin: MakeBin,
    mosquitto: Broker,
    town: Town,
    run_micropython: Callable,
    tmp_path: Path,
    name: str,
) -> None:
    bin_ = make_bin()
    day = [{**visits(500)[0], "at_s": 60 + 4 * 3600 * i} for i in range(3)]
    bin_.set_up(mosquitto.port, day[:2], WORD)
    if name == "renewal":  # an update that was given up is to be told
        Slots(str(bin_.folder)).switch(2, 0, "e" * 16)
        Slots(str(bin_.folder)).fail("it did not stay up")

    hung = run_micropython(patched(tmp_path, bin_.folder, HANGS[name]), str(bin_.folder))

    assert hung.returncode == BITTEN, hung.stdout + hung.stderr
    assert bin_.run() == 0, bin_.console()
    assert town.births[-1]["restarted"] == f"watchdog: no progress of {name}"
    bin_.set_up(mosquitto.port, day, WORD)
    assert bin_.run() == 0, bin_.console()
    assert town.births[-1]["restarted"] == "power"


@pytest.mark.parametrize(("left_open", "code"), [(True, RESTART), (False, 0)])
def test_restart_waits_for_a_lid_to_be_shut_but_not_for_one_left_open(
    make_bin: MakeBin,
    mosquitto: Broker,
    town: Town,
    run_micropython: Callable,
    tmp_path: Path,
    left_open: bool,
    code: int,
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500), WORD)
    patch = "App._obey = leave; App._alone = lambda app: False"

    ended = run_micropython(
        patched(tmp_path, bin_.folder, f"{patch}; Visits.left_open = {left_open}"),
        str(bin_.folder),
    )

    assert ended.returncode == code, ended.stdout + ended.stderr


def test_loop_without_end_is_bitten(
    make_bin: MakeBin, mosquitto: Broker, run_micropython: Callable, tmp_path: Path
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500), WORD)
    hung = run_micropython(
        patched(tmp_path, bin_.folder, "Visits.do_weigh = spin"), str(bin_.folder)
    )

    assert hung.returncode == BITTEN, hung.stdout + hung.stderr


def test_crash_is_told_in_the_next_birth(
    make_bin: MakeBin, mosquitto: Broker, town: Town, run_micropython: Callable, tmp_path: Path
) -> None:
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, visits(500, 600), WORD)

    crashed = run_micropython(
        patched(tmp_path, bin_.folder, "Visits.do_weigh = None"), str(bin_.folder)
    )

    assert crashed.returncode == 1
    assert bin_.run() == 0, bin_.console()
    assert town.births[-1]["restarted"].startswith("TypeError(")
    assert "firmware/visits.py" in town.births[-1]["restarted"]


def test_clock_that_jumps_years_is_alarmed_and_no_record_carries_it(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin()
    jumps = [[0, 0], [1800, 10 * 365 * DAY_S], [7200, -10 * 365 * DAY_S]]
    hourly = [{**visits(500 + i)[0], "at_s": 60 + 3600 * i} for i in range(6)]
    bin_.set_up(mosquitto.port, hourly, WORD, clock_wrong_s=jumps)

    assert bin_.run() == 0, bin_.console()

    saved = {row["seq"]: row["at_s"] for row in bin_.lines("saved")}
    bodies = [body for body in town.records.values() if body["at_s"] is not None]
    assert len(bodies) > 6
    assert all(
        abs(body["at_s"] - saved[body["seq"]]) <= 2 for body in bodies if body["seq"] in saved
    )
    alarms = [body for body in bodies if body["kind"] == "alarm"]
    assert [body["what"] for body in alarms] == ["clock refused"]
    assert alarms[0]["readings"][1] - alarms[0]["readings"][0] > 9 * 365 * DAY_S
    assert "clock_wrong" in bin_.shown()


def test_bad_sector_is_said_in_words_and_by_an_alarm_and_costs_nothing(
    make_bin: MakeBin, mosquitto: Broker, town: Town
) -> None:
    bin_ = make_bin()
    grams = [500 + n for n in range(30)]
    bin_.set_up(mosquitto.port, visits(*grams), WORD, flash_sectors=5, bad_sectors=[1])

    assert bin_.run() == 0, bin_.console()

    assert_weighed(town, grams)
    assert_whole(bin_, town)
    alarms = [body for body in town.records.values() if body["kind"] == "alarm"]
    assert [(body["what"], body["readings"]) for body in alarms] == [("bad sector", [1])]
    assert bin_.shown().count("flash_worn") == 1
