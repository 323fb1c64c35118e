"""The hash of the code that weighs: what a record names as `fw`.

Read from the files as installed (.py or .mpy). Code frozen into an image has no files; such an
image is named by its modules' names alone until the build writes the hash down.
"""

import binascii
import hashlib

PIECE = 512


def fingerprint(modules: tuple) -> str:
    """Return 16 hex digits over the files of modules."""
    total = hashlib.sha256()
    for module in modules:
        _add(total, module)
    return binascii.hexlify(total.digest()[:8]).decode()


def _add(total, module) -> None:
    """Add a file piece by piece: whole, the largest would not fit a crowded memory."""
    try:
        with open(module.__file__, "rb") as file:
            piece = file.read(PIECE)
            while piece:
                total.update(piece)
                piece = file.read(PIECE)
    except (OSError, AttributeError):
        total.update(module.__name__.encode())
