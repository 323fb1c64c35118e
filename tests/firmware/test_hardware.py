"""What is drawn and what is programmed are the same: pins, partitions."""

import ast
import asyncio
import csv
import importlib
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import pytest

from firmware.journal import SECTOR_BYTES
from tests.fixtures.micropython import ROOT, START_S

HARDWARE = ROOT / "hardware"
STRAPPING = {0, 2, 5, 12, 15}  # they decide how an ESP32 starts
TAKEN = {1, 3, 6, 7, 8, 9, 10, 11, 16, 17}  # console, flash, PSRAM of a WROVER


def constant(path: Path, name: str) -> object:
    """The literal that a module assigns to a name, without importing the module."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{path} assigns no {name}")


def rows(name: str) -> list[dict[str, str]]:
    with (HARDWARE / name).open() as file:
        return list(csv.DictReader(file))


def test_pins_of_the_program_are_the_pins_of_the_drawing() -> None:
    drawn = {row["signal"]: int(row["gpio"]) for row in rows("pinout.csv")}

    assert constant(ROOT / "firmware/boards/esp32.py", "PINS") == drawn
    assert len(set(drawn.values())) == len(drawn)


def test_no_signal_sits_on_a_pin_that_has_other_duties() -> None:
    for row in rows("pinout.csv"):
        gpio = int(row["gpio"])
        assert gpio not in STRAPPING | TAKEN, row
        assert gpio < 34 or row["direction"] == "in", row


def test_every_part_of_the_pinout_is_on_the_bill() -> None:
    bill = " ".join(row["part"] for row in rows("bom.csv"))

    for part in {row["part"].split()[0] for row in rows("pinout.csv")}:
        assert part in bill


def test_journal_partition_is_the_one_that_is_simulated() -> None:
    lines = (HARDWARE / "partitions.csv").read_text().splitlines()
    table = [[cell.strip() for cell in line.split(",")] for line in lines if line[0] != "#"]
    end = 0x9000
    for name, _, _, offset, size in table:
        assert int(offset, 16) == end, f"{name} leaves a hole or overlaps"
        end += int(size, 16)
    assert end == 4 * 1024 * 1024

    size = next(int(row[4], 16) for row in table if row[0] == "journal")
    sectors = constant(ROOT / "firmware/boards/simulated.py", "SECTORS")
    assert size == sectors * SECTOR_BYTES


@pytest.fixture
def esp32(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The real board's module over stand-ins for the port's own modules."""
    for name in ("machine", "network", "esp32", "ntptime"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    monkeypatch.delitem(sys.modules, "firmware.boards.esp32", raising=False)
    module = importlib.import_module("firmware.boards.esp32")
    monkeypatch.delitem(sys.modules, "firmware.boards.esp32")
    return module


@pytest.mark.parametrize("fault", [OSError(110), ValueError("buffer too small")])
def test_time_server_that_answers_nothing_or_too_little_is_no_time(
    esp32: ModuleType, fault: Exception
) -> None:
    esp32.ntptime.time.side_effect = fault

    assert asyncio.run(esp32.Esp32Board.unix_s(MagicMock())) is None


@pytest.mark.parametrize("epoch_s", [0, 946_684_800])  # ports count from 1970 or 2000
def test_time_server_that_answers_zero_knows_no_time(
    esp32: ModuleType, monkeypatch: pytest.MonkeyPatch, epoch_s: int
) -> None:
    monkeypatch.setattr(esp32.time, "gmtime", lambda _: [2000 if epoch_s else 1970])
    zero_s = 2**32 - 2_208_988_800 - epoch_s  # 2036-02-07 06:28:16, as ntptime reads a zero
    answers = [zero_s, START_S - epoch_s]
    esp32.ntptime.time.side_effect = answers

    assert asyncio.run(esp32.Esp32Board.unix_s(MagicMock())) is None
    assert asyncio.run(esp32.Esp32Board.unix_s(MagicMock())) == START_S


def test_board_without_a_journal_partition_is_built_and_has_none(
    esp32: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(esp32, "time", MagicMock())
    esp32.esp32.Partition.find.return_value = []

    assert esp32.Esp32Board().flash is None


def test_radio_that_is_busy_with_itself_is_asked_again(
    esp32: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, slept = MagicMock(), []
    board.turns = 0
    board._join = lambda: esp32.Esp32Board._join(board)
    board._station.isconnected.return_value = False
    board._station.connect.side_effect = [OSError("Wifi Internal State Error"), None, KeyError()]

    async def sleep(seconds: int) -> None:
        slept.append(seconds)

    monkeypatch.setattr(esp32.asyncio, "sleep", sleep)
    with pytest.raises(KeyError):
        asyncio.run(esp32.Esp32Board.run(board))
    assert board._station.connect.call_count == 3
    assert board._station.disconnect.call_count == 2
    assert slept.count(1) == 2 * esp32.JOIN_S


def test_strength_of_a_network_that_just_went_away_is_none(esp32: ModuleType) -> None:
    board = MagicMock()
    board._station.status.side_effect = OSError("Wifi Not Connected")

    assert esp32.Esp32Board.rssi_dbm(board) is None


def test_board_locks_the_lid_before_it_starts_anew(esp32: ModuleType) -> None:
    board, done = MagicMock(), []
    board.lid_lock.side_effect = lambda level: done.append(("lock", level))
    esp32.machine.reset.side_effect = lambda: done.append(("reset",))

    esp32.Esp32Board.restart(board)

    assert done == [("lock", 0), ("reset",)]
