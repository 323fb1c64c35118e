"""What goes onto a real board: MicroPython and the partition table by esptool, files by the cable.

The board's files are `main.py` and `/loader` (which choose the firmware at power-up), `/factory`
(the firmware as delivered), and the bin's own: settings.json, wifi.json. Updates go to `/a`, `/b`.
"""

import csv
import hashlib
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from farz.device_bundles import loader
from farz.device_cable import Cable, CableFault, Progress, require_tool
from farz.errors import FarzError
from farz.processes import ROOT

CHIP = "esp32"
IMAGE_AT, TABLE_AT = 0x1000, 0x8000  # where an ESP32's boot loader is, and its partition table
OWN = ("settings.json", "wifi.json")  # what provision writes for one bin
TABLE_BYTES = 0xC00
TYPES = {"app": 0, "data": 1}
# ESP-IDF, "Partition Tables": subtypes by type and name.
SUBTYPES = {"factory": 0x00, "nvs": 0x02, "phy": 0x01, "fat": 0x81}
# Only what runs at power-up: whatever ends, the board starts anew; a technician's CTRL-C does not.
# No name of the loader stays, so that its memory is free before the firmware needs it.
MAIN = b"""import machine, sys
sys.path.insert(0, "/loader")
try:
    due = __import__("firmware.slots", None, None, ("due",)).due
    main = due("", "firmware.main", machine.WDT)
    del due
    main()
    machine.reset()
except Exception as error:
    sys.print_exception(error)
    machine.reset()
"""


def partition_table(path: Path = ROOT / "hardware" / "partitions.csv") -> bytes:
    """The binary form of the partition table: 32 bytes an entry, an MD5, padded with ones.

    Source: ESP-IDF, partition-tables.rst and esp_flash_partitions.h (magic 0x50AA, MD5 0xEBEB).
    """
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    entries = b"".join(_entry([cell.strip() for cell in row]) for row in csv.reader(lines))
    table = entries + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(entries).digest()
    return table + b"\xff" * (TABLE_BYTES - len(table))


def _entry(row: list[str]) -> bytes:
    name, kind, subtype, offset, size = row[:5]
    number = SUBTYPES[subtype] if subtype in SUBTYPES else int(subtype, 0)
    begin = struct.pack("<HBBII", 0x50AA, TYPES[kind], number, int(offset, 0), int(size, 0))
    return begin + name.encode().ljust(16, b"\0") + bytes(4)


def commands(port: str, image: Path, table: Path) -> list[list[str]]:
    """What esptool is asked to do. The image brings a table of its own, so ours comes after it."""
    tool = [sys.executable, "-m", "esptool", "--chip", CHIP, "--port", port]
    return [
        [*tool, "erase-flash"],
        [*tool, "write-flash", hex(IMAGE_AT), str(image)],
        [*tool, "write-flash", hex(TABLE_AT), str(table)],
    ]


def write_image(port: str, image: Path, work: Path) -> None:
    """Erase the board and write MicroPython. Everything on it is lost, a journal too."""
    require_tool("esptool")
    table = work / "partitions.bin"
    table.write_bytes(partition_table())
    for command in commands(port, image, table):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise CableFault(
                f"esptool could not {command[7]} at {port}: {' '.join(last)}\n"
                "Hold the board's BOOT button while it connects, and check the cable."
            )


def own_files(folder: Path) -> dict[str, bytes]:
    """What `farz device provision --files` wrote for one bin. FarzError names what is missing."""
    missing = [name for name in OWN if not (folder / name).is_file()]
    if missing:
        raise FarzError(
            f"{folder} has no {', '.join(missing)}. Run: farz device provision ID --files {folder}"
        )
    # Nothing else of that folder: a simulated bin may have left a calibration of its own there.
    return {name: (folder / name).read_bytes() for name in OWN}


def write_files(
    cable: Cable,
    own: Mapping[str, bytes],
    version: int,
    say: Progress,
    firmware: Mapping[str, bytes],
    root: str = "",
) -> int:
    """Put loader, firmware and the bin's own files on a board; return how many files that were."""
    cable.put_all(f"{root}/loader", loader(firmware), say)
    cable.put_all(f"{root}/factory", firmware, say)
    for name, raw in own.items():
        say(f"{root}/{name}")
        cable.put(f"{root}/{name}", raw)
    cable.put(f"{root}/main.py", MAIN)
    cable.run(
        f"import sys\nsys.path.insert(0, {root + '/loader'!r})\n"
        f"from firmware.slots import Slots\nSlots({root!r}).provision({version})\nsys.path.pop(0)"
    )
    return len(firmware) + len(own) + 1
