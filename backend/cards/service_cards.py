"""Service cards: whose of the staff they are, and who emptied which bin when.

A bin lets them in by its own settings; here their numbers get names. A secure one is set up with
a version of the town's keys that no resident's card has, for its bins hold that version's key.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, insert, select

from backend import rows
from backend import tables as t
from backend.cards import secure
from backend.cards import tables as c
from backend.cards.secure import ChipKeys
from backend.deposits.service import body_of
from backend.errors import NotFound, Taken
from backend.ledger.tables import record
from backend.vault import Vault

KEY_VERSION = secure.VERSIONS_MOST


@dataclass(frozen=True, slots=True)
class Emptying:
    """`who` is a login of the staff; None for a card that nobody registered."""

    device: str
    epoch: str
    seq: int
    effective_s: int
    before_g: int
    after_g: int
    container: str
    flags: tuple[str, ...]
    who: str | None


def register(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    uid: bytes,
    *,
    login: str,
    proves: bool,
    decided_by: str,
    from_s: int,
) -> ChipKeys | None:
    """Give a card to one of the staff; return the keys of its chip if it proves itself.

    May be repeated. Raises BadInput, NotFound, Taken for a resident's card.
    """
    if not rows.exists(conn, t.staff, ledger_id=ledger_id, login=login):
        raise NotFound(f"Nobody of the staff signs in as {login}.")
    uid_hash = vault.card_hash(uid)
    if rows.exists(conn, t.card, ledger_id=ledger_id, uid_hash=uid_hash):
        raise Taken("This is a resident's card; service cards are cards of their own.")
    keys = None
    if proves:
        keys = secure.register(
            conn, vault, ledger_id, uid, version=KEY_VERSION, decided_by=decided_by, from_s=from_s
        )
    if _login(conn, ledger_id, uid_hash) != login:
        conn.execute(
            insert(c.service_card).values(
                ledger_id=ledger_id,
                uid_hash=uid_hash,
                from_s=from_s,
                login=login,
                decided_by=decided_by,
            )
        )
    return keys


def emptyings(conn: Connection, ledger_id: int, *, limit: int = 100) -> list[Emptying]:
    """Return who emptied what, the last first."""
    query = (
        select(record, t.device.c.id.label("device"))
        .join(
            t.device,
            and_(
                t.device.c.ledger_id == record.c.ledger_id,
                t.device.c.source_id == record.c.source_id,
            ),
        )
        .where(record.c.ledger_id == ledger_id, record.c.kind == "emptied")
        .order_by(record.c.effective_s.desc(), record.c.seq.desc())
        .limit(limit)
    )
    found = []
    for row in conn.execute(query):
        body = body_of(row.jws)
        found.append(
            Emptying(
                row.device,
                f"{row.epoch:016x}",
                row.seq,
                row.effective_s,
                body["before_g"],
                body["after_g"],
                body["container"],
                tuple(body["flags"]),
                _who(conn, ledger_id, row.card_ref, row.effective_s),
            )
        )
    return found


def _who(conn: Connection, ledger_id: int, card_ref: str | None, at_s: int) -> str | None:
    return None if card_ref is None else _login(conn, ledger_id, bytes.fromhex(card_ref), at_s)


def _login(
    conn: Connection, ledger_id: int, uid_hash: bytes, at_s: int | None = None
) -> str | None:
    """Return whose a service card is, or was at a moment."""
    row = c.service_card.c
    query = select(row.login).where(row.ledger_id == ledger_id, row.uid_hash == uid_hash)
    if at_s is not None:
        query = query.where(row.from_s <= at_s)
    return conn.scalars(query.order_by(row.from_s.desc()).limit(1)).one_or_none()
