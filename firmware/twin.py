"""A small text kept in two files, so that one of them is always whole.

What is new goes into the file that is not the newest, and is read back. A cut leaves the newest as
it was. Each file is `count digest text`; the digest tells a torn file from a whole one, it proves
nothing about who wrote it.
"""

import binascii
import hashlib

from firmware.errors import FlashFault


class Twin:
    def __init__(self, path: str) -> None:
        self._paths = (path + ".0", path + ".1")

    def texts(self) -> list:
        """Return the whole texts, newest first: two, one, or none."""
        return [text for _, text in self._found()]

    def read(self) -> "str | None":
        """Return the newest whole text, or None."""
        return (self.texts() or [None])[0]

    def write(self, text: str) -> None:
        """Keep a text beside the newest one; FlashFault if it does not read back."""
        found = self._found()
        count = found[0][0] + 1 if found else 0
        path = self._paths[count % 2]
        with open(path, "w") as file:
            file.write(_sealed(count, text))
        if _read(path) != (count, text):
            raise FlashFault(path)

    def _found(self) -> list:
        found = [pair for pair in [_read(path) for path in self._paths] if pair is not None]
        return sorted(found, reverse=True)


def _sealed(count: int, text: str) -> str:
    head = str(count) + " "
    digest = hashlib.sha256((head + text).encode()).digest()[:8]
    return head + binascii.hexlify(digest).decode() + " " + text


def _read(path: str):
    """Return (count, text) of a whole file, or None."""
    try:
        with open(path) as file:
            raw = file.read()
        count, _, text = raw.split(" ", 2)
        return (int(count), text) if raw == _sealed(int(count), text) else None
    except (OSError, ValueError):
        return None
