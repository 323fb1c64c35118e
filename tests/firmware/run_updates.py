"""Update a littlefs in memory with the power cut at every operation. Runs on MicroPython only.

`run_updates.py FOLDER`: FOLDER holds old.bundle and new.bundle; prints one JSON line of counts.
"""

import json
import sys

import vfs

from firmware import ota, unpacking
from firmware.boards.simram import MODES, PowerCut, RamFlash
from firmware.slots import Slots

SECTORS = 24
FOLDER = sys.argv[1]


class Disk(RamFlash):
    """A flash under littlefs, which wants error numbers instead of exceptions."""

    def ioctl(self, operation, argument):
        if operation in (1, 2, 3):
            return 0
        try:
            return RamFlash.ioctl(self, operation, argument)
        except PowerCut:
            return -5

    def readblocks(self, block, buffer, offset=0):
        try:
            return RamFlash.readblocks(self, block, buffer, offset)
        except PowerCut:
            return -5

    def writeblocks(self, block, data, offset=0):
        try:
            return RamFlash.writeblocks(self, block, data, offset)
        except PowerCut:
            return -5


def bundle(name):
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


def files_of(raw):
    head, rest = raw.split(b"\n", 2)[1:]
    listing = rest[: json.loads(head)["listing"][0]].decode()
    return [row.split() for row in listing.split("\n")[:-1]]


def install(raw, key):
    """Feed a bundle in pieces of an odd size."""
    slots = Slots("/u")
    update = ota.Update(slots, {key[0]: key[1]}, "bin-a", slots.floor, "e" * 16)
    for at in range(0, len(raw), 389):
        done = update.feed(at, raw[at : at + 389])
    return done


def whole(slot, files):
    try:
        found = [unpacking.digest_of("/u/" + slot + "/" + row[0]) for row in files]
        return found == [row[2] for row in files]
    except OSError:
        return False


class Life:
    """From version 1 in force to version 2, which proves itself if it gets so far."""

    def __init__(self, key):
        self.key = key
        self.old, self.new = bundle("old.bundle"), bundle("new.bundle")
        self.disk = Disk(SECTORS)
        vfs.VfsLfs2.mkfs(self.disk)
        self._mounted(lambda: install(self.old, key) and Slots("/u").choose())
        self._mounted(lambda: Slots("/u").commit())
        self.before = bytes(self.disk.data)

    def _mounted(self, work):
        vfs.mount(vfs.VfsLfs2(self.disk), "/u")
        try:
            return work()
        finally:
            vfs.umount("/u")

    def live(self, cut_at=None, mode="half"):
        """Update with a cut; return (operations, version that runs after the next two starts)."""
        self.disk.data[:] = self.before
        self.disk.power_on(cut_at, mode, cut_at or 1)
        try:
            self._mounted(lambda: install(self.new, self.key))
            self._mounted(lambda: Slots("/u").choose())
            self._mounted(lambda: Slots("/u").commit())
        except (OSError, ota.UpdateRefused):
            pass
        operations = self.disk.operations
        self.disk.power_on()
        return operations, [self._mounted(self._start) for _ in range(2)]

    def _start(self):
        """Start once; what was chosen must be whole."""
        slots = Slots("/u")
        slot = slots.choose()
        files = files_of(self.old if slot == "a" else self.new)
        assert slot in ("a", "b"), slot
        assert whole(slot, files), "what runs is not whole"
        assert slots.floor == (1 if slots.version == 1 else 2)
        return slot, slots.version


def main():
    key = json.loads(bundle("key.json"))
    life = Life(key)
    operations, starts = life.live()
    assert starts == [("b", 2), ("b", 2)], starts
    # It was real above, and takes most of the time.
    ota.checked = lambda signature, raw, *_: json.loads(raw)
    ends, cuts = {}, 0
    for mode in MODES:
        for cut_at in range(1, operations + 1):
            cuts += 1
            _, starts = life.live(cut_at, mode)
            assert starts[1][1] in (1, 2)
            name = str(starts[1][1])
            ends[name] = ends.get(name, 0) + 1
            if starts[1][1] == 1:  # nothing of the old one was lost, and it may be tried again
                assert starts[1][0] == "a"
    sys.stdout.write(json.dumps({"operations": operations, "cuts": cuts, "ends": ends}) + "\n")


main()
