"""The manifest of a bundle: what it must say, who must have signed it, what may follow what runs.

Loaded for the moment in which a bundle's head is whole, and given back.
"""

import binascii
import hashlib
import json

from firmware import passing
from firmware.errors import UpdateRefused

LABEL = b"farz firmware 2\n"
MOST_LISTING, MOST_FILES = 16384, 200
FIELDS = {
    "v": lambda v: v == 2,
    "key": lambda v: type(v) is str,
    "model": lambda v: type(v) is str,
    "version": lambda v: type(v) is int and 0 < v < 1 << 31,
    "min_version": lambda v: type(v) is int and 0 <= v < 1 << 31,
    "files": lambda v: type(v) is int and 0 < v <= MOST_FILES,
    "listing": lambda v: (
        type(v) is list
        and [type(item) for item in v] == [int, str]
        and 0 < v[0] <= MOST_LISTING
        and len(v[1]) == 64
    ),
}


def checked(signature: bytes, raw: bytes, keys: dict) -> dict:
    """Return a manifest whose fields are in their ranges and that one of the keys signed.

    `keys` are the trusted public ones, hex by name. UpdateRefused says what is wrong.
    """
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
    if manifest["key"] not in keys:
        raise UpdateRefused("it is signed with a key that this bin does not know")
    public = binascii.unhexlify(keys[manifest["key"]])
    if not verify(public, LABEL + hashlib.sha256(raw).digest(), signature):
        raise UpdateRefused("the signature is not that of " + manifest["key"])
    return manifest


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 signature holds; what computes it is loaded a half at a time."""
    digest = _hashed(signature[:32] + public + message)
    from firmware import ed25519

    try:
        return ed25519.holds(public, signature, digest)
    finally:
        passing.drop("ed25519")


def _hashed(message: bytes) -> bytes:
    from firmware.sha512 import sha512

    try:
        return sha512(message)
    finally:
        passing.drop("sha512")


def insist_on_newer(manifest: dict, model: str, running: int, floor: int) -> None:
    """Raise UpdateRefused unless it is for this model and above what runs, or ever may again."""
    version = manifest["version"]
    if manifest["model"] != model:
        raise UpdateRefused("it is for the model " + manifest["model"])
    if version <= running:
        raise UpdateRefused("version " + str(running) + " runs; a new one must be higher")
    if version < floor:
        raise UpdateRefused("no version below " + str(floor) + " may come any more")
