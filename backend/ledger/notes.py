"""C2SP signed notes and checkpoints: writing them, reading them, and naming the key to others.

A note may carry further signature lines, of witnesses; whether they are true is not judged here.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# C2SP signed-note: the signature type of plain Ed25519.
_ED25519 = b"\x01"
# C2SP signed-note: a line of its own for each signature, of a key's name without spaces or "+".
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})\n")


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
    text = note.partition("\n\n")[0]
    known = {_key_id(name, key): key for key in keys}
    for signer, raw in signatures(note):
        if signer != name or (key := known.get(raw[:4])) is None:
            continue
        try:
            key.verify(raw[4:], f"{text}\n".encode())
        except InvalidSignature:
            raise ValueError("the note's signature is not its key's") from None
        return read_checkpoint(note)
    raise ValueError(f"the note is not signed by {name}")


def signatures(note: str) -> list[tuple[str, bytes]]:
    """Who a note says has signed it, and each one's key id ‖ signature.

    Raises ValueError where anything else stands after its text, be it one letter.
    """
    found = []
    for line in note.partition("\n\n")[2].splitlines(keepends=True):
        signed = _SIGNATURE.fullmatch(line)
        raw = base64.b64decode(signed[2], validate=True) if signed else b""
        if signed is None or base64.b64encode(raw).decode() != signed[2]:
            raise ValueError("something other than signatures stands after its text")
        found.append((signed[1], raw))
    return found
