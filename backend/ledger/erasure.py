"""A person's signed bytes under a key of their own: sealed, opened, and erased with the key.

The record's hash stays in the books and in the log, so that what was erased is still committed
to: the verifier counts it as 'erased, commitment only'. A key sealed by the vault opens the
bytes until it is destroyed; copies of the key in older backups must be destroyed with it.
"""

import secrets
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, and_, insert, select, update

from backend.ledger import tables as t
from backend.ledger.accounts import FIRST_DRAWN
from backend.vault import Vault, decrypt, encrypt

_KEY_BYTES = 32
_IDS = 2**53 - 1


def seal_person(conn: Connection, ledger_id: int, account_id: int, vault: Vault) -> int:
    """Seals the signed bytes of an account's records that are open; returns how many.

    Every call draws a key of its own, so that what is earned later can be sealed as well.
    """
    record = t.record.c
    rows = conn.execute(
        select(record.source_id, record.epoch, record.seq, record.jws).where(
            record.ledger_id == ledger_id,
            record.account_id == account_id,
            record.sealed_for.is_(None),
        )
    ).all()
    if not rows:
        return 0
    key_id = FIRST_DRAWN + secrets.randbelow(_IDS - FIRST_DRAWN)
    key = secrets.token_bytes(_KEY_BYTES)
    conn.execute(
        insert(t.person_key).values(
            ledger_id=ledger_id,
            id=key_id,
            account_id=account_id,
            sealed=vault.wrap(key, _bound(ledger_id, key_id)),
        )
    )
    cipher = AESGCM(key)
    for row in rows:
        raw = row.jws.encode() if isinstance(row.jws, str) else bytes(row.jws)
        name = _name(row.source_id, row.epoch, row.seq)
        conn.execute(
            update(t.record)
            .where(
                record.ledger_id == ledger_id,
                and_(
                    record.source_id == row.source_id,
                    record.epoch == row.epoch,
                    record.seq == row.seq,
                ),
            )
            .values(jws=encrypt(cipher, raw, name), sealed_for=key_id)
        )
    return len(rows)


def erase_person(
    conn: Connection, ledger_id: int, account_id: int, vault: Vault, now_s: int
) -> int:
    """Seals what is open and destroys the account's keys; returns how many keys were destroyed."""
    seal_person(conn, ledger_id, account_id, vault)
    key = t.person_key.c
    return conn.execute(
        update(t.person_key)
        .where(key.ledger_id == ledger_id, key.account_id == account_id, key.sealed.is_not(None))
        .values(sealed=None, destroyed_s=now_s)
    ).rowcount


class Opener:
    """Opens sealed records as long as their keys are there; keeps the keys that it has used."""

    def __init__(self, conn: Connection, ledger_id: int, vault: Vault) -> None:
        self._conn, self._ledger_id, self._vault = conn, ledger_id, vault
        self._ciphers: dict[int, AESGCM | None] = {}

    def open(self, row: Any) -> bytes | None:
        """The signed bytes of a row of `record`; None after erasure, b"" when they were altered."""
        key_id = row.sealed_for
        if key_id not in self._ciphers:
            self._ciphers[key_id] = self._cipher(key_id)
        cipher = self._ciphers[key_id]
        if cipher is None:
            return None
        try:
            return decrypt(cipher, bytes(row.jws), _name(row.source_id, row.epoch, row.seq))
        except InvalidTag:
            return b""

    def _cipher(self, key_id: int) -> AESGCM | None:
        key = t.person_key.c
        sealed = self._conn.scalar(
            select(key.sealed).where(key.ledger_id == self._ledger_id, key.id == key_id)
        )
        if sealed is None:
            return None
        return AESGCM(self._vault.unwrap(bytes(sealed), _bound(self._ledger_id, key_id)))


def _bound(ledger_id: int, key_id: int) -> str:
    return f"person key {ledger_id}/{key_id}"


def _name(source_id: int, epoch: int, seq: int) -> str:
    return f"record {source_id}/{epoch:016x}/{seq}"
