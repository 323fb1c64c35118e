"""A bundle goes the whole way in one go, every part real: commands, HTTP API, gateway, Mosquitto
with certificates, and a simulated bin on MicroPython that starts anew with what it was sent."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from farz.device_bundles import About, pack, read_key, simulated
from farz.device_workshop import MODEL
from farz.processes import await_until
from firmware.journal import read_image
from firmware.slots import Slots
from tests.farz.chain import BIN, LIMIT_S, LOGIN, PASSWORD, Chain
from tests.farz.shell import Shell


class Updated(Chain):
    """Its bin runs for longer than a test, and is sent bundles."""

    def __init__(self, farz: Shell, base: Path, stay: ExitStack) -> None:
        super().__init__(farz, base, stay)
        self.serve()
        self.relay()
        day = ("--visits", "99", "--speed", "1")
        self.start("device", "simulate", "--files", str(self.files), *day)
        await_until(lambda: self.birth() is not None, LIMIT_S, "the bin's birth")

    def bundle(self, version: int) -> Path:
        """The firmware with one language's pictures: fewer orders than whole, and it runs."""
        files = {name: raw for name, raw in simulated().items() if not name.endswith("r.bin")}
        out = self.base / f"{version}.bundle"
        out.write_bytes(pack(files, About(version, 1, MODEL), read_key(self.key)))
        return out

    def update(self, bundle: Path) -> "subprocess.CompletedProcess[str]":
        """Type `farz device update`, and wait for its end."""
        where = ("--device", BIN, "--url", self.url, "--login", LOGIN, "--json")
        return self.farz("device", "update", str(bundle), *where, typed=f"{PASSWORD}\n")

    @property
    def slots(self) -> Slots:
        return Slots(str(self.files))

    def told(self) -> list[tuple[str, str]]:
        """What the bin's journal says of updates."""
        bodies = [body for body, _, _ in read_image((self.files / "flash.bin").read_bytes())]
        alarms = [(body["what"], body["by"]) for body in bodies if body["kind"] == "alarm"]
        return [row for row in alarms if row[0].startswith("update")]


@pytest.fixture
def chain(founded: Shell, tmp_path: Path) -> Iterator[Updated]:
    with ExitStack() as stay:
        yield Updated(founded, tmp_path, stay)


def test_update_from_afar_is_in_force_and_one_that_is_wrongly_signed_is_refused(
    chain: Updated, tmp_path: Path
) -> None:
    by = ("--url", chain.url, "--login", LOGIN)
    identify = ("device", "send", BIN, "identify", *by)
    assert chain.farz.done(*identify, typed=f"{PASSWORD}\n") == f"{BIN}: shown and sounded\n"
    refused = chain.farz(
        "device", "send", BIN, "update", "--args", '{"at": "x"}', *by, typed=f"{PASSWORD}\n"
    )
    assert (refused.returncode, f"{BIN} refused order" in refused.stderr) == (1, True)
    before, good = chain.birth(), chain.bundle(7)

    done = chain.update(good)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"version": 7, "before": 0, "in_force": True}
    assert "the bin tries it" in done.stderr
    assert (chain.slots.slot, chain.slots.version, chain.slots.trial) == ("a", 7, None)
    assert chain.told() == [("update 7 on trial", "bin"), ("update 7 in force", "bin")]
    after = chain.birth()
    assert before is not None
    assert after is not None
    assert after["fw"] != before["fw"]  # it weighs with the compiled files it was sent
    assert after["epoch"] == before["epoch"]
    assert after["session"] > before["session"]

    bad = tmp_path / "8.bundle"  # somebody else's hand has raised the number
    bad.write_bytes(good.read_bytes().replace(b'"version":7', b'"version":8', 1))
    refused = chain.update(bad)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-1].startswith("farz: the signature is not that of ")
    assert (chain.slots.slot, chain.slots.version, chain.slots.trial) == ("a", 7, None)
    assert chain.birth() == after  # it did not even start anew
    again = chain.update(good)
    assert json.loads(again.stdout) == {"version": 7, "before": 7, "in_force": True}
