"""The files of a bundle, from the moment its manifest was found good: written, and read back.

The listing comes first, then the files in its order. It is read a row at a time where it lies, for
whole it would fill the heap.
"""

import binascii
import hashlib
import os

from firmware.errors import UpdateRefused

LISTING = "listing"  # a row for each file, "path size SHA-256\n"; kept beside them in the slot
MOST_BYTES = 600000  # of all files
PIECE = 256  # bytes read back at a time
ENDINGS = (".mpy", ".bin")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_/"


class Unpacking:
    """Fills a folder (its path ends with "/"), which is cleared first."""

    def __init__(self, folder: str, manifest: dict) -> None:
        self._folder = folder
        self._files = manifest["files"]
        self._begun = -1  # files of the listing; the listing is not one of them
        clear(folder[:-1])
        self._begin((LISTING,) + tuple(manifest["listing"]))

    def take(self, data: bytes) -> bool:
        """Write what comes next; return whether all is there and as the listing says."""
        while self._row and (data or not self._missing):
            self._file.write(data[: self._missing])  # pyright: ignore
            taken = min(len(data), self._missing)
            data, self._missing = data[taken:], self._missing - taken
            if self._missing:
                return False
            self._end()
        if data:
            raise UpdateRefused("it is longer than its manifest says")
        if self._row:
            return False
        self._read_back()
        return True

    def _begin(self, row: tuple) -> None:
        path = self._folder + row[0]
        make_folders(path)
        self._row, self._missing = row, row[1]
        self._file = open(path, "wb")  # noqa: SIM115  (open between pieces)

    def _end(self) -> None:
        """Check the file that is whole, and begin the next."""
        self._file.close()  # pyright: ignore
        path, _, digest = self._row  # pyright: ignore
        if digest_of(self._folder + path) != digest:
            raise UpdateRefused(path + " is not what the manifest says")
        if path == LISTING:
            self._insist_on_listing()
        self._begun += 1
        self._row = None
        for number, row in enumerate(rows(self._folder)):
            if number == self._begun:
                self._row = row
        if self._row:
            self._begin(self._row)

    def _insist_on_listing(self) -> None:
        """Check the listing whole, before the first file is written."""
        count = size = 0
        for row in rows(self._folder):
            count, size = count + 1, size + row[1]
        if size > MOST_BYTES:
            raise UpdateRefused("it is too large")
        if count != self._files:
            raise UpdateRefused("its listing is not what the manifest says")

    def _read_back(self) -> None:
        """Read everything once more, as the next start will."""
        for path, _, digest in rows(self._folder):
            if digest_of(self._folder + path) != digest:
                raise UpdateRefused(path + " did not stay on the flash")


def rows(folder: str):
    """Yield (path, size, SHA-256 in hex) of each file that a slot's listing names; UpdateRefused
    for a row that is none: no path leads out of its slot. To be read to its end."""
    with open(folder + LISTING) as listing:
        for line in listing:
            row = line.split()
            if len(row) != 3 or not _is_inside(row[0]) or not row[1].isdigit() or len(row[2]) != 64:
                raise UpdateRefused("a row of its listing names no file of a bin: " + line[:40])
            yield row[0], int(row[1]), row[2]


def _is_inside(path: str) -> bool:
    stem, ending = path[:-4], path[-4:]
    plain = ending in ENDINGS and stem.startswith("firmware/") and not stem.strip(LETTERS)
    return plain and "//" not in stem


def digest_of(path: str) -> str:
    """Return the SHA-256 of a file as the flash gives it back."""
    total, piece = hashlib.sha256(), bytearray(PIECE)
    with open(path, "rb") as file:
        while True:
            length = file.readinto(piece)
            if not length:
                return binascii.hexlify(total.digest()).decode()
            total.update(piece if length == PIECE else bytes(piece[:length]))


def make_folders(path: str) -> None:
    """Make the folders above a file."""
    parts = path.split("/")
    for length in range(1, len(parts)):
        folder = "/".join(parts[:length])
        try:
            if folder:
                os.mkdir(folder)
        except OSError:
            pass  # it is there


def clear(folder: str) -> None:
    """Remove a folder and all that is in it; one that is not there is clear."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = folder + "/" + name
        if os.stat(path)[0] & 0x4000:
            clear(path)
        else:
            os.remove(path)
    os.rmdir(folder)
