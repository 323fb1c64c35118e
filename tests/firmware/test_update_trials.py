"""Updates of a whole bin under real MicroPython: on trial for one start, kept if all is well."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from farz.broker import Broker
from farz.device_bundles import UNIX, About, compiled, key_name, mpy_cross, pack, public_hex
from firmware import contract
from firmware.journal import read_image
from firmware.ota import Update
from firmware.slots import Slots
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, Bin, micropython

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = {key_name(public_hex(SIGNER)): public_hex(SIGNER)}
RESTARTS = 5  # exit code of a simulated board that wants to be started anew
PIECE = 400
HEAP_K = 256
RECEIVING_K = 264  # 258 were enough
SECURE = {"settings": {"reader": "pn532"}}


def firmware() -> dict[str, bytes]:
    """What a bundle carries, and the simulated board, for this processor."""
    left_out = ("ar.bin", "fr.bin")
    files = compiled(UNIX, left_out=())
    return {name: raw for name, raw in files.items() if not name.endswith(left_out)}


class Machine:
    """A simulated bin that starts through the loader, again and again until it is content.

    It runs what a board gets, from the loader on.
    """

    def __init__(self, bin_: Bin, shipped: Path) -> None:
        self.bin = bin_
        bin_.shrink(shipped, HEAP_K)
        factory = bin_.folder / "factory"
        factory.mkdir(exist_ok=True)
        (factory / "firmware").symlink_to(shipped / "firmware")
        self._script = bin_.folder / "power_up.py"
        self._script.write_text(
            "import sys\nsys.path.insert(0, 'factory')\n"
            "due = __import__('firmware.slots', None, None, ('due',)).due\n"
            "main = due('.', 'firmware.boards.simulated')\n"
            "del due\nmain('.')\n"
        )

    def start(self) -> "subprocess.Popen[bytes]":
        with (self.bin.folder / "console.txt").open("ab") as console:
            return subprocess.Popen(
                [micropython(), "-X", f"heapsize={self.bin.heapsize}", str(self._script)],
                cwd=self.bin.folder,
                env={"MICROPYPATH": ".frozen"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )

    def run(self, starts: int = 3) -> list[int]:
        """Start until it does not want to be started anew; the exit codes."""
        codes: list[int] = []
        while len(codes) < starts and (not codes or codes[-1] not in (0, 3)):
            codes.append(self.start().wait(60))
        return codes

    def put(self, files: dict[str, bytes], epoch: str) -> None:
        """Lay an update into the idle slot, as a whole bundle's last piece does."""
        update = Update(Slots(str(self.bin.folder)), TRUSTED, "bin-a", 0, epoch)
        assert update.feed(0, pack(files, About(2, 1, "bin-a"), SIGNER))

    @property
    def slots(self) -> Slots:
        return Slots(str(self.bin.folder))

    def told(self) -> list[str]:
        bodies = [body for body, _, _ in read_image(self.bin.image())]
        rows = [f"{b['what']}: {b['by']}" for b in bodies if b["kind"] == "alarm"]
        return [row for row in rows if row.startswith("update")]

    def epoch(self) -> str:
        rows = read_image(self.bin.image())
        return str(rows[0][0]["epoch"])


@pytest.fixture
def town(mosquitto: Broker) -> Iterator[Town]:
    made = Town(mosquitto.port, KEY, word_of("gateway"))
    yield made
    made.close()


@pytest.fixture
def make_machine(
    make_bin: Callable[..., Bin], mosquitto: Broker, town: Town, shipped: Path
) -> Callable[..., Machine]:
    """A bin that has lived a day, and now has one visit to come, late enough for a trial."""

    def make(**world: Any) -> Machine:
        machine = Machine(make_bin(), shipped)
        visit = [{"at_s": 60, "uid": "04a1b2c3", "grams": 900}]
        machine.bin.set_up(mosquitto.port, visit, word_of("bin-01"))
        assert machine.run() == [0], machine.bin.console()
        (machine.bin.folder / "progress.json").unlink()
        port = world.pop("port", mosquitto.port)
        visit = [{"at_s": world.pop("at_s", 500), "uid": "04a1b2c3", "grams": 1500}]
        settings = world.pop("settings", {})
        machine.bin.set_up(port, visit, word_of("bin-01"), **{"give_up_s": 5, **world})
        machine.bin.change_settings(update_keys=TRUSTED, **settings)
        return machine

    return make


def test_update_that_proves_itself_is_in_force_and_weighs(
    make_machine: Callable[..., Machine], town: Town
) -> None:
    machine = make_machine()
    machine.put(firmware(), machine.epoch())

    assert machine.run() == [0], machine.bin.console()

    assert (machine.slots.slot, machine.slots.version, machine.slots.trial) == ("a", 2, None)
    assert machine.told() == ["update 2 on trial: bin", "update 2 in force: bin"]
    assert [each["net_g"] for each in town.deposits()][-1] in (1499, 1500, 1501)
    assert not town.faults
    assert (machine.bin.folder / "nvs.json").read_text() == '{"floor": 1}'


@pytest.mark.parametrize(
    ("world", "why"),
    [
        ({**SECURE, "reader_hangs": True}, "not well: reader"),
        ({"noise_counts": 4000}, "not well: scale"),
        ({"port": 9}, "not well: link"),
    ],
)
def test_trial_that_is_not_well_is_rolled_back_and_told(
    make_machine: Callable[..., Machine], world: dict[str, Any], why: str
) -> None:
    machine = make_machine(**world)
    machine.put(firmware(), machine.epoch())

    codes = machine.run(2)

    assert codes[0] == RESTARTS, machine.bin.console()
    assert (machine.slots.slot, machine.slots.version, machine.slots.trial) == ("factory", 0, None)
    assert machine.told() == ["update 2 on trial: bin", f"update 2 given up: {why}"]


def test_trial_that_lost_the_journal_is_rolled_back(make_machine: Callable[..., Machine]) -> None:
    machine = make_machine()
    machine.put(firmware(), "f" * 16)

    machine.run(2)

    assert machine.slots.slot == "factory"
    assert machine.told()[-1] == "update 2 given up: not well: journal kept"


def test_trial_that_falls_over_is_rolled_back_at_the_next_start(
    make_machine: Callable[..., Machine],
) -> None:
    machine = make_machine()
    broken = firmware()
    broken["firmware/app.mpy"] = compiled_of(
        "class App:\n    def __init__(self, *_):\n        1 / 0\n"
    )
    machine.put(broken, machine.epoch())

    codes = machine.run()

    assert codes[0] == 1
    assert codes[-1] == 0
    assert (machine.slots.slot, machine.slots.version) == ("factory", 0)
    assert machine.told() == ["update 2 given up: it did not stay up"]


def test_whole_update_over_the_air(make_machine: Callable[..., Machine], town: Town) -> None:
    machine = make_machine(speed=20, at_s=4000)
    raw = pack(firmware(), About(2, 1, "bin-a"), SIGNER)
    births = len(town.births)
    machine.bin.heapsize = f"{RECEIVING_K}k"
    process = machine.start()
    machine.bin.heapsize = f"{HEAP_K}k"
    try:
        until(lambda: len(town.births) > births)
        send(town, raw)
        assert process.wait(30) == RESTARTS
    finally:
        process.kill()
    world = machine.bin.folder / "world.json"
    world.write_text(world.read_text().replace('"speed": 20', '"speed": 0'))

    assert machine.run()[-1] == 0, machine.bin.console()
    assert (machine.slots.slot, machine.slots.version) == ("a", 2)
    assert machine.told()[-1] == "update 2 in force: bin"


def send(town: Town, raw: bytes) -> None:
    """Send a bundle as the backend does: signed pieces, a few at a time, on from where it came."""
    down = contract.derive(KEY, contract.DOWN)
    session = town.births[-1]["session"]
    for number, at in enumerate(range(0, len(raw), PIECE), 1):
        args = {"at": at, "data": contract.b64(raw[at : at + PIECE])}
        body = {"v": 1, "name": "update", "id": str(number), "session": session}
        body.update(expires_s=2**33, args=args)
        jws = contract.sign(down, "bin-01", 1, "command", body)
        town.client.publish(contract.topic("bin-01", "command"), jws, qos=1)
        until(lambda n=number: len(town.results) >= n - 4)  # type: ignore[misc]
    assert all(well for _, well, _ in town.results), town.results[-1]


def until(ready: Callable[[], bool], limit_s: float = 20) -> None:
    end_s = time.monotonic() + limit_s
    while not ready():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.005)


def compiled_of(source: str) -> bytes:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(source)
        file.flush()
        done = mpy_cross("-O2", "-o", "-", file.name)
    assert done.returncode == 0, done.stderr
    return done.stdout
