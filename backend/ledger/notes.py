"""C2SP signed notes and checkpoints: writing them, reading them, and naming the key to others.

A note may carry further signature lines, of witnesses; they are kept and not judged here.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# C2SP signed-note: the signature type of plain Ed25519.
_ED25519 = b"\x01"


class Checkpoint(NamedTuple):
    """What a note says."""

    origin: str
    size: int
    root: bytes


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    public = name.encode() + b"\n" + _ED25519 + key.public_bytes_raw()
    return hashlib.sha256(public).digest()[:4]


def verifier_key(name: str, key: Ed25519PublicKey) -> str:
    """The key as C2SP's vkey, which other tools take: name+key id+base64(type ‖ key)."""
    encoded = base64.b64encode(_ED25519 + key.public_bytes_raw()).decode()
    return f"{name}+{_key_id(name, key).hex()}+{encoded}"


def sign(
    said: Checkpoint, name: str, key: Ed25519PrivateKey, extensions: Sequence[str] = ()
) -> str:
    """A C2SP checkpoint as a signed note; `extensions` are lines after the root."""
    lines = (said.origin, str(said.size), base64.b64encode(said.root).decode(), *extensions)
    text = "".join(f"{line}\n" for line in lines)
    signature = _key_id(name, key.public_key()) + key.sign(text.encode())
    return f"{text}\n— {name} {base64.b64encode(signature).decode()}\n"


def read_checkpoint(note: str) -> Checkpoint:
    """What a note says, whoever signed it. Raises ValueError when it is no checkpoint."""
    lines = note.partition("\n\n")[0].splitlines()
    if len(lines) < 3 or not lines[1].isdecimal():
        raise ValueError("the note is no checkpoint")
    return Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))


def open_note(note: str, name: str, *keys: Ed25519PublicKey) -> Checkpoint:
    """What a note says, if `name` signed it with one of the keys. Raises ValueError otherwise."""
    text, _, signatures = note.partition("\n\n")
    known = {_key_id(name, key): key for key in keys}
    for raw in _signatures(signatures.splitlines(), name):
        if (key := known.get(raw[:4])) is None:
            continue
        try:
            key.verify(raw[4:], f"{text}\n".encode())
        except InvalidSignature:
            raise ValueError("the note's signature is not its key's") from None
        return read_checkpoint(note)
    raise ValueError(f"the note is not signed by {name}")


def _signatures(lines: Iterable[str], name: str) -> Iterable[bytes]:
    for line in lines:
        signed = line.removeprefix(f"— {name} ")
        if signed != line:
            yield base64.b64decode(signed, validate=True)
