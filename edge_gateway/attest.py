"""The gateway's own Ed25519 key: it signs the list of what it relays, so that minting takes two.

The key is made once, lives in one file of mode 0600, and never leaves it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_gateway.errors import SettingsError
from firmware import contract

KEY_FILE = "attestation.key"
Row = tuple[str, str, int, str, int]  # device, epoch, seq, hash8, received_s


def init(data_dir: Path) -> str:
    """Make the key unless there is one; return the public key in base64url, for the backend."""
    path = data_dir / KEY_FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        secret = Ed25519PrivateKey.generate().private_bytes_raw()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(contract.b64(secret) + "\n")
            file.flush()
            os.fsync(file.fileno())
    return str(contract.b64(load(data_dir).public_key().public_bytes_raw()))


def load(data_dir: Path) -> Ed25519PrivateKey:
    """Return the key; SettingsError if it is missing, damaged or readable by others."""
    path = data_dir / KEY_FILE
    if not path.exists():
        raise SettingsError(f"{path} is missing. Make it: farz gateway init")
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"Others may read {path}. Mend it: chmod 600 {path}")
    try:
        return Ed25519PrivateKey.from_private_bytes(contract.unb64(path.read_text().strip()))
    except ValueError as error:
        raise SettingsError(f"{path} holds no key of this gateway.") from error


def sign(key: Ed25519PrivateKey, gateway: str, rows: Sequence[Row]) -> str:
    """Return the attestation of `rows` in their order, in base64url; "" for no rows."""
    return str(contract.b64(key.sign(contract.attestation_input(gateway, rows)))) if rows else ""
