"""Updates: a signed bundle becomes the firmware on trial; a trial that proves itself stays.

A bundle is a line of the signature in hex, a line of the manifest, the listing that the manifest
names by size and SHA-256, and the files that the listing names, one after another. The Ed25519
signature is over the manifest's SHA-256: SHA-512 over all of it would take most of the time. It is
verified before anything is written, each file's hash is read back from the flash, and only then is
the next start given to it. Loaded only when there is an update, and a part at a time.
"""

from firmware import contract, passing
from firmware.errors import UpdateRefused

MOST_HEAD = 1024  # bytes of signature and manifest


class Update:
    """Takes a bundle in order. `keys` are the trusted public keys, hex by name; `floor` is the
    lowest version that may come; `epoch` names the journal that must outlive the update."""

    def __init__(self, slots, keys: dict, model: str, floor: int, epoch: str) -> None:
        self._slots = slots
        self._keys = keys
        self._about = (model, slots.version, floor)
        self._epoch = epoch
        self._head = b""  # until the manifest is whole
        self._manifest = {}
        self._unpacking = None  # once the manifest was found good
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
            if self._unpacking is None:
                data = self._take_head(data)
            if self._unpacking is not None and self._unpacking.take(data):
                self._finish()
        except OSError as error:
            raise UpdateRefused("the flash does not take it: " + repr(error))
        return self.done

    def _take_head(self, data: bytes) -> bytes:
        """Collect signature and manifest; return what comes after them."""
        self._head += data
        parts = self._head.split(b"\n", 2)
        if len(parts) < 3:
            if len(self._head) > MOST_HEAD:
                raise UpdateRefused("it has no manifest")
            return b""
        self._head = b""
        self._manifest = checked(parts[0], parts[1], self._keys, self._about)
        from firmware.unpacking import Unpacking

        folder = self._slots.root + "/" + self._slots.idle() + "/"
        self._unpacking = Unpacking(folder, self._manifest)
        return parts[2]

    def _finish(self) -> None:
        """Give it the next start."""
        manifest = self._manifest
        self._slots.switch(manifest["version"], manifest["min_version"], self._epoch)
        self.done = True


def checked(signature: bytes, raw: bytes, keys: dict, about: tuple) -> dict:
    """Return the manifest if it may be obeyed; about = (model, version that runs, floor)."""
    from firmware import manifest

    try:
        found = manifest.checked(signature, raw, keys)
        manifest.insist_on_newer(found, *about)
        return found
    finally:
        passing.drop("manifest")


def pieces(args: dict) -> tuple:
    """Return (offset, bytes) of the arguments of a command that carries a piece."""
    try:
        at, data = args["at"], contract.unb64(args["data"])
    except (KeyError, TypeError, AttributeError, contract.ContractError):
        raise UpdateRefused("a piece has `at` and `data`")
    if type(at) is not int or at < 0:
        raise UpdateRefused("a piece has `at` and `data`")
    return at, data
