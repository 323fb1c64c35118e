"""Updates: a signed bundle becomes the firmware on trial; a trial that proves itself stays.

A bundle is a line of the signature in hex, a line of the manifest, and the files one after
another. The Ed25519 signature is over the manifest's SHA-256: SHA-512 over all of it would take
most of the time. It is verified before the first file is written, each file's hash is read back
from the flash, and only then is the next start given to it. Loaded only when there is an update.
"""

import binascii
import hashlib
import json
import os

from firmware import contract, passing
from firmware.errors import UpdateRefused

LABEL = b"farz firmware 1\n"
MOST_MANIFEST, MOST_BYTES, MOST_FILES = 16384, 600000, 200
PIECE = 1024  # bytes read back at a time
ENDINGS = (".mpy", ".bin")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_/"
FIELDS = {
    "v": lambda v: v == 1,
    "key": lambda v: type(v) is str,
    "model": lambda v: type(v) is str,
    "version": lambda v: type(v) is int and 0 < v < 1 << 31,
    "min_version": lambda v: type(v) is int and 0 <= v < 1 << 31,
    "files": lambda v: (
        type(v) is list and 0 < len(v) <= MOST_FILES and all([_is_file(f) for f in v])
    ),
}


def _is_file(row) -> bool:
    """A row is [path, size, SHA-256 in hex]; no path leads out of its slot."""
    if type(row) is not list or [type(item) for item in row] != [str, int, str]:
        return False
    stem, ending = row[0][:-4], row[0][-4:]
    plain = ending in ENDINGS and stem.startswith("firmware/") and not stem.strip(LETTERS)
    return plain and "//" not in stem and 0 <= row[1] <= MOST_BYTES and len(row[2]) == 64


class Update:
    """Takes a bundle in order. `keys` are the trusted public keys, hex by name; `floor` is the
    lowest version that may come; `epoch` names the journal that must outlive the update."""

    def __init__(self, slots, keys: dict, model: str, floor: int, epoch: str) -> None:
        self._slots = slots
        self._keys = keys
        self._model = model
        self._floor = floor
        self._epoch = epoch
        self._folder = slots.root + "/" + slots.idle() + "/"
        self._head = b""  # until the manifest is whole
        self._manifest = {}
        self._left = []  # files still to come; the first is being written
        self._file, self._missing = None, 0
        self.taken = 0  # bytes of the bundle
        self.done = False

    def feed(self, at: int, data: bytes) -> bool:
        """Take the bytes at an offset; return whether the bundle is complete and on trial next.

        Bytes that were taken before change nothing. UpdateRefused ends it; the old one stays.
        """
        if self._slots.trial is not None and not self.done:
            raise UpdateRefused("another one is on trial")
        if at > self.taken:
            raise UpdateRefused("a piece is missing at " + str(self.taken))
        data = data[self.taken - at :]
        if self.done:
            return True
        self.taken += len(data)
        try:
            if not self._manifest:
                data = self._take_head(data)
            if self._manifest:
                self._take_files(data)
        except OSError as error:
            raise UpdateRefused("the flash does not take it: " + repr(error))
        return self.done

    # --- the head

    def _take_head(self, data: bytes) -> bytes:
        """Collect signature and manifest; return what comes after them."""
        self._head += data
        parts = self._head.split(b"\n", 2)
        if len(parts) < 3:
            if len(self._head) > MOST_MANIFEST:
                raise UpdateRefused("it has no manifest")
            return b""
        self._head = b""
        self._manifest = self._checked(parts[0], parts[1])
        self._left = list(self._manifest["files"])
        clear(self._folder[:-1])
        return parts[2]

    def _checked(self, signature: bytes, raw: bytes) -> dict:
        try:
            manifest = json.loads(raw)
            signature = binascii.unhexlify(signature)
        except ValueError:
            raise UpdateRefused("it has no manifest")
        if type(manifest) is not dict:
            raise UpdateRefused("it has no manifest")
        for name in FIELDS:
            if name not in manifest or not FIELDS[name](manifest[name]):
                raise UpdateRefused(name + " of the manifest is missing or out of its range")
        if manifest["key"] not in self._keys:
            raise UpdateRefused("it is signed with a key that this bin does not know")
        public = binascii.unhexlify(self._keys[manifest["key"]])
        if not verify(public, LABEL + hashlib.sha256(raw).digest(), signature):
            raise UpdateRefused("the signature is not that of " + manifest["key"])
        self._insist_on_newer(manifest)
        return manifest

    def _insist_on_newer(self, manifest: dict) -> None:
        version, running = manifest["version"], self._slots.version
        if manifest["model"] != self._model:
            raise UpdateRefused("it is for the model " + manifest["model"])
        if version <= running:
            raise UpdateRefused("version " + str(running) + " runs; a new one must be higher")
        if version < self._floor:
            raise UpdateRefused("no version below " + str(self._floor) + " may come any more")
        if sum([row[1] for row in manifest["files"]]) > MOST_BYTES:
            raise UpdateRefused("it is too large")

    # --- the files

    def _take_files(self, data: bytes) -> None:
        while self._left and (data or self._left[0][1] == 0):
            path, size, digest = self._left[0]
            if self._file is None:
                make_folders(self._folder + path)
                self._missing = size
                self._file = open(self._folder + path, "wb")  # noqa: SIM115  (open between pieces)
            self._file.write(data[: self._missing])
            taken = min(len(data), self._missing)
            data, self._missing = data[taken:], self._missing - taken
            if self._missing:
                return
            self._file.close()
            self._file = None
            if digest_of(self._folder + path) != digest:
                raise UpdateRefused(path + " is not what the manifest says")
            self._left.pop(0)
        if data:
            raise UpdateRefused("it is longer than its manifest says")
        if not self._left:
            self._finish()

    def _finish(self) -> None:
        """Read everything back once more, and give it the next start."""
        manifest = self._manifest
        for path, _, digest in manifest["files"]:
            if digest_of(self._folder + path) != digest:
                raise UpdateRefused(path + " did not stay on the flash")
        self._slots.switch(manifest["version"], manifest["min_version"], self._epoch)
        self.done = True


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 signature holds; what computes it is loaded for that alone."""
    from firmware import ed25519

    try:
        return ed25519.verify(public, message, signature)
    finally:
        passing.drop("ed25519", "sha512")


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


def pieces(args: dict) -> tuple:
    """Return (offset, bytes) of the arguments of a command that carries a piece."""
    try:
        at, data = args["at"], contract.unb64(args["data"])
    except (KeyError, TypeError, AttributeError, contract.ContractError):
        raise UpdateRefused("a piece has `at` and `data`")
    if type(at) is not int or at < 0:
        raise UpdateRefused("a piece has `at` and `data`")
    return at, data
