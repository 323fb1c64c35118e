"""A person's signed bytes under keys of their own: sealed, opened, and erased with the keys.

Once nothing about a record is open its bytes are sealed under the key that its person has for the
period it happened in; so one person's bytes can be erased, and those of an old period.

The record's hash stays in the books and in the log, so that what was erased is still committed
to: the verifier counts it as 'erased, commitment only'. A key sealed by the vault opens the
bytes until it is destroyed; copies of the key in older backups must be destroyed with it.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, Connection, Row, and_, exists, insert, or_, select, update

from backend.ledger import tables as t
from backend.ledger.accounts import FIRST_DRAWN
from backend.vault import Vault, decrypt, encrypt

_KEY_BYTES = 32
_IDS = 2**53 - 1
_WAITING = ("held", "suspended", "queued")
PERIOD_S = 30 * 86_400


def theirs(
    ledger_id: int, account_id: int, card_refs: Iterable[str] = ()
) -> Sequence[ColumnElement[bool]]:
    """Conditions of which each names some records of a person: paid to their account at once,
    paid after a look, or brought with their card and paid to nobody.
    """
    record, last = t.record.c, t.resolution.c
    same = (last[name] == record[name] for name in t.KEY)
    resolved = exists().where(*same, last.account_id == account_id)
    return (
        and_(record.ledger_id == ledger_id, record.account_id == account_id),
        and_(record.ledger_id == ledger_id, record.outcome.in_(_WAITING), resolved),
        and_(
            record.ledger_id == ledger_id,
            record.outcome.in_(_WAITING),
            record.card_ref.in_(list(card_refs)),
        ),
    )


def seal_person(
    conn: Connection,
    ledger_id: int,
    account_id: int,
    vault: Vault,
    card_refs: Iterable[str] = (),
) -> int:
    """Seals the signed bytes of a person's records that are open; returns how many.

    Every call draws a key of its own, so that what is earned later can be sealed as well.
    """
    record = t.record.c
    columns = (record.source_id, record.epoch, record.seq, record.jws)
    found = {
        (row.source_id, row.epoch, row.seq): row
        for which in theirs(ledger_id, account_id, list(card_refs))
        for row in conn.execute(select(*columns).where(which, record.sealed_for.is_(None)))
    }
    return seal(conn, ledger_id, account_id, list(found.values()), vault)


def seal(
    conn: Connection,
    ledger_id: int,
    account_id: int,
    rows: Sequence[Any],
    vault: Vault,
    destroyed_s: int | None = None,
    period: int | None = None,
) -> int:
    """Seals these rows of `record` (name and bytes); returns how many.

    The key is the account's own for the period, or a new one. With `destroyed_s` it is kept
    nowhere: the bytes are erased at that moment.
    """
    if not rows:
        return 0
    known = None if period is None else _key_of(conn, ledger_id, account_id, vault, period)
    key_id, key = known or (
        FIRST_DRAWN + secrets.randbelow(_IDS - FIRST_DRAWN),
        secrets.token_bytes(_KEY_BYTES),
    )
    if known is None:
        conn.execute(
            insert(t.person_key).values(
                ledger_id=ledger_id,
                id=key_id,
                account_id=account_id,
                period=period,
                sealed=vault.wrap(key, _bound(ledger_id, key_id)) if destroyed_s is None else None,
                destroyed_s=destroyed_s,
            )
        )
    cipher = AESGCM(key)
    for row in rows:
        raw = row.jws.encode() if isinstance(row.jws, str) else bytes(row.jws)
        name = _name(row.source_id, row.epoch, row.seq)
        conn.execute(
            update(t.record)
            .where(_named(ledger_id, row))
            .values(jws=encrypt(cipher, raw, name), sealed_for=key_id)
        )
    return len(rows)


def erase_person(
    conn: Connection,
    ledger_id: int,
    account_id: int,
    vault: Vault,
    now_s: int,
    card_refs: Iterable[str] = (),
) -> int:
    """Seals what is open, destroys the account's keys and forgets with which cards it came.

    Returns how many keys were destroyed.
    """
    refs = list(card_refs)
    seal_person(conn, ledger_id, account_id, vault, refs)
    mine = or_(*theirs(ledger_id, account_id, refs))
    conn.execute(
        update(t.record).where(mine, t.record.c.card_ref.is_not(None)).values(card_ref=None)
    )
    return destroy(conn, ledger_id, account_id, now_s)


def destroy(conn: Connection, ledger_id: int, account_id: int, now_s: int) -> int:
    """Destroys every key of an account; returns how many there were."""
    key = t.person_key.c
    return conn.execute(
        update(t.person_key)
        .where(key.ledger_id == ledger_id, key.account_id == account_id, key.sealed.is_not(None))
        .values(sealed=None, destroyed_s=now_s)
    ).rowcount


def destroy_periods(conn: Connection, ledger_id: int, before_s: int, now_s: int) -> int:
    """Destroys every key of a period that was over by then; returns how many there were."""
    key = t.person_key.c
    return conn.execute(
        update(t.person_key)
        .where(
            key.ledger_id == ledger_id,
            key.period < before_s // PERIOD_S,
            key.sealed.is_not(None),
        )
        .values(sealed=None, destroyed_s=now_s)
    ).rowcount


def empty_quarantined(conn: Connection, ledger_id: int, row: Row[Any]) -> None:
    """Drops the bytes of a row in quarantine for ever; its name and hash stay."""
    table = t.quarantine
    conn.execute(
        update(table)
        .where(*(table.c[name] == getattr(row, name) for name in (*t.KEY, "hash")))
        .values(jws=b"")
    )


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


def _key_of(
    conn: Connection, ledger_id: int, account_id: int, vault: Vault, period: int
) -> tuple[int, bytes] | None:
    """The key that an account has for a period, unless it was destroyed."""
    key = t.person_key.c
    row = conn.execute(
        select(key.id, key.sealed)
        .where(
            key.ledger_id == ledger_id,
            key.account_id == account_id,
            key.period == period,
            key.sealed.is_not(None),
        )
        .limit(1)
    ).one_or_none()
    return None if row is None else (row.id, vault.unwrap(row.sealed, _bound(ledger_id, row.id)))


def _named(ledger_id: int, row: Row[Any]) -> ColumnElement[bool]:
    record = t.record.c
    return and_(
        record.ledger_id == ledger_id,
        record.source_id == row.source_id,
        record.epoch == row.epoch,
        record.seq == row.seq,
    )


def _bound(ledger_id: int, key_id: int) -> str:
    return f"person key {ledger_id}/{key_id}"


def _name(source_id: int, epoch: int, seq: int) -> str:
    return f"record {source_id}/{epoch:016x}/{seq}"
