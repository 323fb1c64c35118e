"""What is asked for unseen on a terminal may be piped as one line, and each help says so."""

import os
import pty
import re
import subprocess
import sys

import pytest

from farz.processes import ROOT
from tests.farz.shell import Shell

OFFICER = ("--role", "municipal_officer")
ASKING = {
    "init": ("init", "Test village (synthetic)"),
    "staff add": ("staff", "add", "salma", *OFFICER),
    "staff password": ("staff", "password", "admin"),
    "tariff approve": ("tariff", "approve", "1", "--login", "admin"),
    "melting approve": ("melting", "approve", "1", "--login", "admin"),
    "card issue": ("card", "issue", "04A2B3C4D5E680", "--nameless", "--by", "admin"),
    **{f"device {name}": ("device", name) for name in ("send", "tune", "rotate")},
    "device update": ("device", "update", "x.bundle", "--device", "bin-1"),
}


def test_only_one_place_asks_for_secrets() -> None:
    blind = re.compile(r"getpass\.getpass|hide_input|prompt=True, hide")
    found = [each.name for each in (ROOT / "farz").rglob("*.py") if blind.search(each.read_text())]

    assert found == ["asking.py"]


def test_every_command_that_asks_is_tried_here() -> None:
    asks = re.compile(r"(?<!_)\b(?:secret|new_password)\((?!what|login: str)")
    found = {
        each.name: len(asks.findall(each.read_text())) for each in (ROOT / "farz").glob("*.py")
    }

    calls = {name: count for name, count in found.items() if count}
    assert calls == {
        "town.py": 2,  # init, and the new password's own question
        "staff_commands.py": 2,  # add and password
        "approving.py": 1,  # of tariffs and of rules of melting
        "card_commands.py": 1,
        "device_workshop.py": 1,
        "order_commands.py": 1,  # send, tune and rotate
    }


@pytest.mark.parametrize("name", ASKING)
def test_its_help_says_that_it_may_be_piped(name: str, farz: Shell) -> None:
    told = " ".join(farz.done(*name.split(), "--help").split())

    assert re.search(r"piped( as)?.{0,3}one line", told), told


def test_passwords_and_pins_are_piped(founded: Shell) -> None:
    founded.done(*ASKING["staff add"], typed="a password for salma\n")
    since = ("--since", "2099-01-01T00:00+02:00", "--by", "salma")
    founded.done("tariff", "draft", "organic=25", *since)
    founded.done("melting", "draft", "--days", "365", "--by", "salma")

    assert "second" in founded.done(*ASKING["tariff approve"], typed="a password for the first\n")
    assert "1 of 2" in founded.done(*ASKING["melting approve"], typed="a password for the first\n")
    assert founded.done(*ASKING["card issue"], typed="2468\n").startswith("card")
    for name in ("tariff approve", "card issue", "staff add"):
        empty = founded(*ASKING[name])
        assert (empty.returncode, "Pipe it as one line" in empty.stderr) == (1, True), name


def test_a_password_is_changed_by_whoever_keeps_the_machine(founded: Shell) -> None:
    founded.done(*ASKING["staff add"], typed="a password for salma\n")
    founded.done(
        "tariff", "draft", "organic=25", "--since", "2099-01-01T00:00+02:00", "--by", "salma"
    )

    weak = founded(*ASKING["staff password"], typed="short\n")
    founded.done(*ASKING["staff password"], typed="another one for the first\n")

    assert weak.returncode == 1
    old = founded(*ASKING["tariff approve"], typed="a password for the first\n")
    assert (old.returncode, "password" in old.stderr) == (1, True)
    assert "second" in founded.done(*ASKING["tariff approve"], typed="another one for the first\n")
    unknown = founded("staff", "password", "nobody", typed="a password for nobody\n")
    assert "Nobody of the staff signs in as nobody" in unknown.stderr


def test_a_pipe_comes_before_the_terminal_that_is_there_too(founded: Shell) -> None:
    """Python's getpass would ask the terminal, whatever is piped."""
    controller, terminal = pty.openpty()
    farz = f"{sys.executable} -m farz --data-dir {founded.folder}"
    asked = f"{farz} {' '.join(ASKING['tariff approve'])}"
    # Who leads a session and opens a terminal has it as its own.
    command = ["bash", "-c", f"exec 3<>{os.ttyname(terminal)}; exec {asked}"]
    ended = subprocess.run(
        command,
        input="a password for the first\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        timeout=60,
    )
    os.close(controller)
    os.close(terminal)

    assert ended.returncode == 1
    assert ended.stderr == "farz: There is no such tariff.\n"
