"""Whether the secret that is here is the one that this town was founded with.

Under another one no card is known, no device's key opens and no slip can be booked, each failing
in its own way and late. So the books keep the secret's fingerprint: 8 bytes that HKDF draws from
32 random ones, from which nothing is learned. A town older than that is asked whether its log's
key is drawn from the secret, and whether a device's key opens with it.
"""

from pathlib import Path

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, insert, select

from backend import tables as t
from backend.devices import keys
from backend.errors import WrongSecret
from backend.ledger.tables import log_key
from backend.rows import exists
from backend.towns.tables import town_secret
from backend.vault import Vault


def note(conn: Connection, ledger_id: int, vault: Vault) -> None:
    """Keep the fingerprint of the secret that a town is founded with."""
    values = {"ledger_id": ledger_id, "fingerprint": vault.fingerprint()}
    conn.execute(insert(town_secret).values(**values))


def check(conn: Connection, ledger_id: int, vault: Vault, path: Path) -> bool:
    """Whether the books know the secret already, or have nothing that hangs on one.

    Raises WrongSecret if it is another than theirs; `path` is where it was read.
    """
    row = town_secret.c
    known = conn.scalar(select(row.fingerprint).where(row.ledger_id == ledger_id))
    if known is None:
        fits = _signs(conn, ledger_id, vault) and _opens(conn, ledger_id, vault)
    else:
        fits = known == vault.fingerprint()
    if not fits:
        raise WrongSecret(
            f"The secret in {path} is not the one that this town was founded with: no card, no "
            "device and no slip of paper could be read with it. Put back the copy of town.secret "
            "that was kept apart, or set FARZ_SECRET_FILE to where it is."
        )
    return known is not None or not exists(conn, t.town, ledger_id=ledger_id)


def _signs(conn: Connection, ledger_id: int, vault: Vault) -> bool:
    """Whether the log's newest key is drawn from the secret."""
    row = log_key.c
    newest = conn.execute(
        select(row.number, row.public)
        .where(row.ledger_id == ledger_id)
        .order_by(row.number.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        return True
    ours = vault.log_key(ledger_id, newest.number).public_key().public_bytes_raw()
    return ours == bytes(newest.public)


def _opens(conn: Connection, ledger_id: int, vault: Vault) -> bool:
    """Whether one of the devices' keys opens with the secret."""
    row = t.device_key.c
    sealed = conn.execute(
        select(row.device, row.number, row.sealed).where(row.ledger_id == ledger_id).limit(1)
    ).one_or_none()
    if sealed is None:
        return True
    try:
        keys.opened(vault, ledger_id, sealed.device, sealed.number, bytes(sealed.sealed))
    except InvalidTag:
        return False
    return True
