"""What a technician does on the bench: sign, bundle, flash, read along, simulate."""

import ast
import json
import os
import pty
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from farz.__main__ import app
from farz.broker import Broker
from farz.device_bundles import NOT_A_BIN_S, About, compiled, loader, pack, read_key
from farz.device_cable import CableFault, connected, event_of, lines, words_of
from farz.device_flash import (
    MAIN,
    commands,
    own_files,
    partition_table,
    write_files,
    write_image,
)
from farz.device_simulate import on_cable
from farz.errors import FarzError
from farz.processes import ROOT
from firmware.journal import read_image
from firmware.ota import Update
from firmware.slots import Slots
from tests.firmware.town import Town
from tests.fixtures.brokers import word_of
from tests.fixtures.micropython import KEY, Bin


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["device", *arguments])
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


@contextmanager
def talking(text: bytes) -> Iterator[str]:
    """A serial port at which somebody says something over and over."""
    board, cable = pty.openpty()
    tty.setraw(cable)
    done = threading.Event()

    def talk() -> None:
        while not done.wait(0.05):
            os.write(board, text)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield os.ttyname(cable)
    done.set()
    thread.join()
    os.close(board)
    os.close(cable)


def test_bundle_from_the_command_line_is_one_that_a_bin_takes(tmp_path: Path) -> None:
    made = json.loads(run("signing-key", str(tmp_path / "key.pem"), "--json"))
    out = tmp_path / "farz-7.bundle"
    command = ("bundle", "--version", "7", "--min-version", "5", "--key", str(tmp_path / "key.pem"))
    told = json.loads(run(*command, "--out", str(out), "--json"))

    assert (told["version"], told["key"], told["bytes"]) == (7, made["name"], out.stat().st_size)
    assert oct((tmp_path / "key.pem").stat().st_mode)[-3:] == "600"
    update = Update(Slots(str(tmp_path)), {made["name"]: made["public"]}, "bin-a", 0, "e" * 16)
    assert update.feed(0, out.read_bytes())
    assert (tmp_path / "a/firmware/app.mpy").read_bytes() == compiled()["firmware/app.mpy"]
    assert not list(tmp_path.glob("a/firmware/boards/sim*"))
    run(*command, "--out", str(out), "--simulated")
    assert b"\nfirmware/boards/simulated.mpy " in out.read_bytes()


def test_bin_carries_nothing_that_it_never_loads() -> None:
    carried = compiled()
    assert not {"salvage", "words"} & {name.split("/")[1].split(".")[0] for name in carried}
    assert not {"firmware/scale/issuing.mpy", "firmware/scale/limits.mpy"} & set(carried)
    names = [name.replace(".mpy", ".py") for name in carried if name.endswith(".mpy")]
    nodes = {name: list(ast.walk(ast.parse((ROOT / name).read_text()))) for name in names}
    imported = [n for each in nodes.values() for n in each if isinstance(n, ast.ImportFrom)]
    loaded = {alias.name for node in imported for alias in node.names}
    loaded |= {str(node.module).rsplit(".", 1)[-1] for node in imported}
    for name, dropped in NOT_A_BIN_S.items():
        # What the module itself says of them stands on ways that no bin takes.
        others = [n for other, each in nodes.items() if other != name for n in each]
        of = name.split("/")[-1].removesuffix(".py")
        attributes = [n for n in others if isinstance(n, ast.Attribute)]
        asked = {n.attr for n in attributes if isinstance(n.value, ast.Name) and n.value.id == of}
        assert asked, "nobody reads a module that every bin loads"
        assert not (asked | loaded) & set(dropped)
    assert not loaded & {"salvage", "issuing", "limits", "words"}
    whole = compiled(left_out=())["firmware/journal.mpy"]
    assert b"read_image" not in whole + carried["firmware/journal.mpy"]


def test_mistakes_in_signing_are_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(FarzError, match="signing-key"):
        read_key(tmp_path / "key.pem")
    with pytest.raises(FarzError, match="made once"):
        app(["device", "signing-key", str(tmp_path / "key.pem")], standalone_mode=False)
    run("signing-key", str(tmp_path / "good.pem"))
    with pytest.raises(FarzError, match="minimum version"):
        pack({}, About(1, 2, "bin-a"), read_key(tmp_path / "good.pem"))


def test_partition_table_is_what_the_boot_loader_reads() -> None:
    table = partition_table()
    assert len(table) == 0xC00
    assert table[:2] == b"\xaa\x50"
    names = [table[at + 12 : at + 28].rstrip(b"\0").decode() for at in range(0, 160, 32)]
    assert names == ["nvs", "phy_init", "factory", "vfs", "journal"]
    assert table[160:162] == b"\xeb\xeb"
    assert set(table[192:]) == {0xFF}


def test_esptool_without_a_chip_ends_in_words(tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    image.write_bytes(b"\xe9" + bytes(100))
    assert [each[7] for each in commands("P", image, image)] == [
        "erase-flash",
        "write-flash",
        "write-flash",
    ]
    with pytest.raises(CableFault, match="could not erase-flash at"):
        write_image(str(tmp_path / "ttyUSB9"), image, tmp_path)


def test_board_that_was_flashed_by_cable_starts_its_firmware(
    make_bin: Callable[..., Bin], tmp_path: Path, run_micropython: Callable
) -> None:
    bin_ = make_bin()
    bin_.set_up(9, [], until="cable")
    root = tmp_path / "board"
    root.mkdir()
    names = ("__init__", "contract", "errors", "main", "slots", "twin")
    few = {f"firmware/{name}.mpy": compiled()[f"firmware/{name}.mpy"] for name in names}
    said: list[str] = []

    with on_cable(bin_.folder) as port, connected(port) as cable:
        own = {"settings.json": b"{}"}
        count = write_files(cable, own, 6, said.append, few, root=str(root))

    assert count == len(few) + 2
    assert len(said) == len(loader(few)) + len(few) + 1
    slots = Slots(str(root))
    assert (slots.choose(), slots.version) == ("factory", 6)
    assert (root / "main.py").read_bytes() == MAIN
    # Its loader, as compiled for the board, finds the firmware and runs its main().
    (root / "factory/firmware/main.mpy").unlink()
    (root / "factory/firmware/main.py").write_text(
        "from firmware import contract\ndef main():\n    print('up', contract.VERSION)\n"
    )
    script = tmp_path / "power_up.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(root)!r} + '/loader')\n"
        f"from firmware.slots import due\ndue({str(root)!r}, 'firmware.main')()\n"
    )
    done = run_micropython(script, env={"MICROPYPATH": ".frozen"})
    assert done.stdout == "up 1\n", done.stderr


def test_board_gets_its_own_files_and_none_that_a_simulated_bin_left(tmp_path: Path) -> None:
    for name in ("settings.json", "wifi.json", "calibration.0", "flash.bin", "world.json"):
        (tmp_path / name).write_text("{}")

    assert set(own_files(tmp_path)) == {"settings.json", "wifi.json"}
    told = run("flash", "--port", "P", "--files", str(tmp_path), "--image", __file__, "--dry-run")
    assert told.splitlines()[0] == "esptool --chip esp32 --port P erase-flash"
    assert "calibration" not in told


def test_console_reads_along() -> None:
    assert event_of('saved {"seq": 4}') == ("saved", {"seq": 4})
    assert event_of("Traceback (most recent call last):")[0] == "says"
    shown = {"word": "saved", "lines": ["Saved", "500 g"], "values": [500]}
    assert words_of("shown", shown) == "Saved / 500 g"
    settled = {"seq": 4, "body": {"credit": 12, "balance": None}}
    assert words_of("settled", settled) == "seq=4 body=(credit 12, balance -)"
    with talking(b'link {"state": "up"}\r\n') as port:
        found = list(lines(port, 0.4))
        assert ("link", {"state": "up"}) in found
        assert "link         state=up" in run("console", "--port", port, "--seconds", "0.4")
        told = run("console", "--port", port, "--seconds", "0.4", "--json")
    assert {"event": "link", "state": "up"} in [json.loads(line) for line in told.splitlines()]


def test_simulated_bin_weighs_against_a_given_broker(
    make_bin: Callable[..., Bin], mosquitto: Broker
) -> None:
    town = Town(mosquitto.port, KEY, word_of("gateway"))
    bin_ = make_bin()
    bin_.set_up(mosquitto.port, [], word_of("bin-01"))
    for file in bin_.folder.glob("calibration*"):
        file.unlink()
    try:
        day = ("simulate", "--files", str(bin_.folder), "--visits", "3", "--speed", "0")
        told = [json.loads(line) for line in run(*day, "--json").splitlines()]
    finally:
        town.close()

    assert len(town.deposits()) == 3
    assert not town.faults
    assert [row["event"] for row in told].count("settled") >= 3
    states = {state for _, _, state in read_image(bin_.image())}
    assert states == {"settled"}


def test_simulated_bin_without_settings_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FarzError, match="device provision"):
        app(["device", "simulate", "--files", str(tmp_path)], standalone_mode=False)
