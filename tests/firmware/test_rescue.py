"""Safe mode: a page sets network and clock and gives out the journal, which stays as it is."""

import contextlib
import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farz.broker import Broker
from farz.processes import await_until, free_port
from firmware import rescue
from firmware.rescue import door, form_of
from firmware.supervisor import LastWords
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
    folder = FOLDER

    def __init__(self):
        with open(FOLDER + "/world.json") as file:
            plan = json.load(file)
        with open(FOLDER + "/good.json") as file:
            wired = checked(json.load(file))  # a real board's pins need no settings
        super().__init__(FOLDER, plan, wired)

    def rescue(self):
        return {jumper}

    def join(self, wifi):
        self.note("joined", wifi)


class Module:
    Esp32Board = Board


sys.modules["firmware.boards.esp32"] = Module
from firmware import main
from firmware.visits import Visits

{patch}
main.main()
"""

SHOW = """
from firmware.display import Display

Display.show = lambda self, word: print(word)
"""


WIFI = '{"ssid": "as provisioned", "password": ""}'


def start_as_a_board(
    bin_: Bin, tmp_path: Path, *, jumper: bool = False, patch: str = "", wifi: str | None = WIFI
) -> None:
    """Start what a real board runs at power-up, on simulated chips; `jumper`: safe mode's;
    `wifi`: what wifi.json holds, or None without one."""
    settings = bin_.folder / "settings.json"
    if not (good := bin_.folder / "good.json").exists():
        good.write_text(settings.read_text())
    if wifi is not None:
        (bin_.folder / "wifi.json").write_text(wifi)
    script = tmp_path / "board.py"
    script.write_text(BOARD.format(folder=str(bin_.folder), jumper=jumper, patch=patch))
    command = [micropython(), "-X", "heapsize=1M", str(script)]
    with (bin_.folder / "console.txt").open("wb") as console:
        bin_.process = subprocess.Popen(
            command, env={"MICROPYPATH": f"{ROOT}:.frozen"}, stdout=console, stderr=console
        )


def await_line(bin_: Bin, event: str) -> dict[str, Any]:
    """Wait until the bin has written a line of a kind; the last one."""
    await_until(lambda: bool(bin_.lines(event)) or not bin_.running, LIMIT_S, event)
    assert bin_.lines(event), bin_.console()
    return bin_.lines(event)[-1]


def test_jumper_leads_to_safe_mode_which_lasts_until_the_power_is_off(
    make_bin: MakeBin, tmp_path: Path
) -> None:
    bin_ = make_bin()
    bin_.set_up(free_port(), [], WORD, rescue_port=free_port(), speed=600, until="stopped")
    start_as_a_board(bin_, tmp_path, jumper=True, patch=SHOW)

    assert await_line(bin_, "safe_mode")["asked"] is True
    turns = rescue.TURNS  # after so many it would have restarted unasked
    await_until(
        lambda: bin_.console().count("set_up") > turns or not bin_.running, LIMIT_S, "ten minutes"
    )

    assert bin_.running, bin_.console()
    assert not bin_.lines("joined"), "a network that may be wrong is left alone"
    assert not bin_.lines("link")


def test_network_that_was_set_on_site_is_the_one_that_is_joined(
    rescued: tuple[Bin, str], tmp_path: Path
) -> None:
    bin_, url = rescued
    post(f"{url}/network", ssid="town hall", password="sehr geheim")
    bin_.stop()

    start_as_a_board(bin_, tmp_path)

    found = await_line(bin_, "joined")
    assert (found["ssid"], found["password"]) == ("town hall", "sehr geheim")
    bin_.stop()
    for path in bin_.folder.glob("wifi.?"):
        path.unlink()
    start_as_a_board(bin_, tmp_path)
    await_until(lambda: len(bin_.lines("joined")) == 2, LIMIT_S, "the provisioned network")
    assert bin_.lines("joined")[-1]["ssid"] == "as provisioned"


def test_board_that_crashes_starts_anew_and_keeps_why(make_bin: MakeBin, tmp_path: Path) -> None:
    bin_ = make_bin()
    bin_.set_up(free_port(), [], WORD, until="stopped")
    start_as_a_board(bin_, tmp_path, patch="Visits.rest = None")

    assert bin_.wait(LIMIT_S) == 5, bin_.console()

    why = LastWords(str(bin_.folder)).read()
    assert why.startswith("TypeError("), why
    assert "firmware/app.py" in why


def test_settings_that_are_not_whole_lead_to_safe_mode_and_to_another_try(
    make_bin: MakeBin, tmp_path: Path
) -> None:
    bin_, port = make_bin(), free_port()
    bin_.set_up(free_port(), [], WORD, rescue_port=port, speed=60, until="stopped")
    (bin_.folder / "good.json").write_text((bin_.folder / "settings.json").read_text())
    bin_.change_settings(e_g=0)
    start_as_a_board(bin_, tmp_path)
    await_until(lambda: bool(bin_.lines("safe_mode")) or not bin_.running, LIMIT_S, "safe mode")
    assert bin_.running, bin_.console()

    assert bin_.lines("safe_mode")[0]["asked"] is False
    with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=10) as answer:
        assert "SettingsFault" in answer.read().decode()
    assert bin_.wait(LIMIT_S) == 5, "ten minutes later it tries again"
    assert not bin_.lines("link")


NO_JOURNAL = """
made = Board.__init__


def without(self):
    made(self)
    self.flash = None


Board.__init__ = without
"""


@pytest.mark.parametrize(
    ("wifi", "patch", "why"),
    [
        (None, "", "OSError(2"),
        ("{", "", "SettingsFault"),
        ('{"ssid": "town hall"}', "", "ssid or password"),
        (WIFI, NO_JOURNAL, "no partition for the journal"),
    ],
)
def test_board_without_network_or_journal_keeps_why_and_leads_to_safe_mode(
    make_bin: MakeBin, tmp_path: Path, wifi: str | None, patch: str, why: str
) -> None:
    bin_, port = make_bin(), free_port()
    # At the clock's own pace: else its ten minutes are over before this process has looked.
    bin_.set_up(free_port(), [], WORD, rescue_port=port, speed=1, until="stopped")
    start_as_a_board(bin_, tmp_path, patch=patch, wifi=wifi)

    assert await_line(bin_, "safe_mode")["asked"] is False

    assert bin_.running, bin_.console()
    assert why in LastWords(str(bin_.folder)).read()
    if patch:
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/journal.bin", timeout=10)


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


def test_what_no_browser_says_is_hung_up_on_and_harms_nobody(rescued: tuple[Bin, str]) -> None:
    bin_, url = rescued
    port = urllib.parse.urlsplit(url).port
    for junk in (
        b"\xff\xfe\r\n\r\n",
        b"GET / HTTP/1.0\r\n\xff\r\n\r\n",
        b"\0" * 3000 + b"\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), 10) as phone:
            phone.sendall(junk)
            phone.settimeout(5)
            with contextlib.suppress(ConnectionResetError):  # it had more to say
                while phone.recv(1000):
                    pass

    assert "set" in post(f"{url}/clock", unix_s=START_S + 5000)
    assert "Traceback" not in bin_.console(), bin_.console()


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
