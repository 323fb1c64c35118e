"""Safe mode: a page sets network and clock and gives out the journal, which stays as it is."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from farz.broker import Broker
from farz.processes import await_until, free_port
from firmware.rescue import door, form_of
from tests.firmware.test_simulated_bin import WORD, MakeBin, visits
from tests.fixtures.micropython import ROOT, START_S, Bin, micropython

LIMIT_S = 30.0


@pytest.fixture
def rescued(make_bin: MakeBin, mosquitto: Broker) -> Iterator[tuple[Bin, str]]:
    """A bin with some deposits that nobody has settled, started again in safe mode."""
    bin_, port = make_bin(), free_port()
    bin_.set_up(free_port(), visits(500, 600), WORD, give_up_s=1)
    bin_.run()
    bin_.set_up(mosquitto.port, visits(500, 600, 700), WORD, rescue_port=port)
    bin_.start()
    await_until(lambda: bool(bin_.lines("safe_mode")) or not bin_.running, LIMIT_S, "safe mode")
    yield bin_, f"http://127.0.0.1:{port}"
    bin_.stop()


def post(url: str, **form: object) -> str:
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(url, data, timeout=10) as answer:
        return str(answer.read().decode())


def refused(url: str, **form: object) -> str:
    with pytest.raises(urllib.error.HTTPError) as raised:
        post(url, **form)
    assert raised.value.code == 400
    return raised.value.read().decode()


BOARD = """
import json, sys
from firmware.boards.simulated import SimBoard
from firmware.settings import checked

FOLDER = {folder!r}


class Board(SimBoard):
    def __init__(self):
        with open(FOLDER + "/world.json") as file:
            plan = json.load(file)
        with open(FOLDER + "/good.json") as file:
            wired = checked(json.load(file))  # a real board's pins need no settings
        super().__init__(FOLDER, plan, wired)

    def rescue(self):
        return False

    def join(self, wifi):
        pass


class Module:
    Esp32Board = Board


sys.modules["firmware.boards.esp32"] = Module
from firmware import main

main.main()
"""


def test_settings_that_are_not_whole_lead_to_safe_mode_and_to_another_try(
    make_bin: MakeBin, tmp_path: Path
) -> None:
    bin_, port = make_bin(), free_port()
    bin_.set_up(free_port(), [], WORD, rescue_port=port, speed=60, until="stopped")
    settings = bin_.folder / "settings.json"
    (bin_.folder / "good.json").write_text(settings.read_text())
    (bin_.folder / "wifi.json").write_text("{}")
    bin_.change_settings(e_g=0)
    script = tmp_path / "board.py"
    script.write_text(BOARD.format(folder=str(bin_.folder)))
    command = [micropython(), "-X", "heapsize=1M", str(script)]
    with (bin_.folder / "console.txt").open("wb") as console:
        bin_.process = subprocess.Popen(
            command, env={"MICROPYPATH": f"{ROOT}:.frozen"}, stdout=console, stderr=console
        )
    await_until(lambda: bool(bin_.lines("safe_mode")) or not bin_.running, LIMIT_S, "safe mode")
    assert bin_.running, bin_.console()

    assert bin_.lines("safe_mode")[0]["asked"] is False
    with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=10) as answer:
        assert "SettingsFault" in answer.read().decode()
    assert bin_.wait(LIMIT_S) == 5, "ten minutes later it tries again"
    assert not bin_.lines("link")


def test_journal_is_kept_and_given_out(rescued: tuple[Bin, str]) -> None:
    bin_, url = rescued
    before = bin_.image()

    with urllib.request.urlopen(f"{url}/journal.bin", timeout=20) as answer:
        image = answer.read()

    assert image == before == bin_.image()
    assert not bin_.lines("link")[len(bin_.lines("link")) :]
    assert bin_.running


def test_network_and_clock_are_set_on_site(rescued: tuple[Bin, str]) -> None:
    bin_, url = rescued
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert b"safe mode" in answer.read()

    assert "next start" in post(f"{url}/network", ssid="town hall & co", password="sehr geheim ü")
    assert "set" in post(f"{url}/clock", unix_s=START_S + 5000)

    kept = [path.read_text() for path in bin_.folder.glob("wifi.?")]
    network = json.loads(max(kept).split(" ", 2)[2])
    assert network == {"ssid": "town hall & co", "password": "sehr geheim ü"}
    bounds = [path.read_text() for path in bin_.folder.glob("clock.?")]
    assert max(bounds).endswith(str(START_S + 5000))


def test_what_cannot_be_is_refused_in_words(rescued: tuple[Bin, str]) -> None:
    _, url = rescued

    assert "32 bytes" in refused(f"{url}/network", ssid="x" * 33)
    assert "8 to 63" in refused(f"{url}/network", ssid="town", password="short")
    assert "no time" in refused(f"{url}/clock", unix_s=1)
    assert "no time" in refused(f"{url}/clock", unix_s="soon")
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{url}/settings.json", timeout=10)


def test_bin_that_leaves_safe_mode_goes_on(rescued: tuple[Bin, str], mosquitto: Broker) -> None:
    bin_, _ = rescued
    bin_.stop()
    bin_.set_up(mosquitto.port, visits(500, 600, 700), WORD, give_up_s=1, patience_s=0)

    bin_.run()

    assert len([row for row in bin_.lines("saved") if row["kind"] == "deposit"]) == 3


def test_forms_and_passwords() -> None:
    assert form_of("a=1+2&b=%26%C3%BC&c") == {"a": "1 2", "b": "&ü"}
    assert door(bytes(32)) != door(bytes(31) + b"\1")
    assert len(door(bytes(32))) == 12
