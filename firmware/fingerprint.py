"""The hash of the code that weighs: what a record names as `fw`.

Read from the files as installed (.py or .mpy). Code frozen into an image has no files; such an
image is named by its modules' names alone until the build writes the hash down.
"""

import binascii
import hashlib


def fingerprint(modules: tuple) -> str:
    """Return 16 hex digits over the files of modules."""
    total = hashlib.sha256()
    for module in modules:
        total.update(_content(module))
    return binascii.hexlify(total.digest()[:8]).decode()


def _content(module) -> bytes:
    try:
        with open(module.__file__, "rb") as file:
            return file.read()
    except (OSError, AttributeError):
        return module.__name__.encode()
