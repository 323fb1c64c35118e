"""Secure cards in the town's books: which keys a chip has, and that no message counts twice.

Bins are offline for days, so a card's counts arrive in any order: each is taken once, whichever
comes first, and one far behind the others is kept for a person to look at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from backend import tables as t
from backend.cards import tables as c
from backend.cards.sun import MAC_KEY, MASTER_KEY, UID_BYTES, Keys, card_key
from backend.errors import BadInput
from backend.ledger.transfers import RecordKey
from backend.towns import service as towns
from backend.vault import Vault

FIRST_VERSION, VERSIONS_MOST = 1, 16  # of the town's keys; each is tried on a message
FAR_BEHIND = 100  # counts: a resident's bins are never so far apart, a copied card may be


@dataclass(frozen=True, slots=True)
class ChipKeys:
    """What is written on one chip, in the numbers of its application: 16 bytes each."""

    version: int
    master: bytes  # key 0: who has it may set the chip up anew
    picc: bytes  # key 1, of the town: SDMMetaRead
    mac: bytes  # key 2: SDMFileRead


@dataclass(frozen=True, slots=True)
class Use:
    """A message that a record brought: the count of a chip under a version of its keys."""

    uid_hash: bytes
    version: int
    counter: int
    key: RecordKey

    @property
    def message(self) -> tuple[bytes, int, int]:
        return self.uid_hash, self.version, self.counter


@dataclass(frozen=True, slots=True)
class Late:
    """A message that came `behind` counts after the card's newest. `epoch` in hex."""

    device: str
    epoch: str
    seq: int
    counter: int
    behind: int
    seen_s: int


def keys(vault: Vault, version: int) -> Keys:
    """Return one version of the town's keys. Raises BadInput."""
    if not FIRST_VERSION <= version <= VERSIONS_MOST:
        raise BadInput(f"Versions of card keys go from {FIRST_VERSION} to {VERSIONS_MOST}.")
    picc, root = vault.secure_card_keys(version)
    return Keys(picc, root)


def chip_keys(vault: Vault, uid: bytes, version: int) -> ChipKeys:
    """Return what a chip gets. Raises BadInput."""
    if len(uid) != UID_BYTES:
        raise BadInput(f"An NTAG 424 DNA has a UID of {UID_BYTES} bytes.")
    town = keys(vault, version)
    master, mac = (card_key(town.root, uid, number) for number in (MASTER_KEY, MAC_KEY))
    return ChipKeys(version, master, town.picc, mac)


def register(
    conn: Connection,
    vault: Vault,
    ledger_id: int,
    uid: bytes,
    *,
    version: int = FIRST_VERSION,
    decided_by: str,
    from_s: int,
) -> ChipKeys:
    """Say that a chip has the keys of a version from a moment on, and return them.

    May be repeated. Raises BadInput.
    """
    made, uid_hash = chip_keys(vault, uid, version), vault.card_hash(uid)
    known = chips(conn, ledger_id, [uid_hash]).get(uid_hash, [])
    if known and version == known[-1][1]:
        return made
    if known and (version < known[-1][1] or from_s <= known[-1][0]):
        raise BadInput(
            f"This chip has keys of version {known[-1][1]} already; a chip that is set up anew "
            "counts from the start again and needs a higher version."
        )
    conn.execute(
        insert(c.secure_card).values(
            ledger_id=ledger_id,
            uid_hash=uid_hash,
            from_s=from_s,
            key_version=version,
            decided_by=decided_by,
        )
    )
    towns.changed(conn, ledger_id)
    return made


def versions(conn: Connection, vault: Vault, ledger_id: int) -> dict[int, Keys]:
    """Return the town's keys that are on any chip, by version."""
    query = select(c.secure_card.c.key_version).where(c.secure_card.c.ledger_id == ledger_id)
    numbers = {FIRST_VERSION, *conn.scalars(query.distinct())}
    return {number: keys(vault, number) for number in sorted(numbers)}


def chips(
    conn: Connection, ledger_id: int, uid_hashes: Iterable[bytes]
) -> dict[bytes, list[tuple[int, int]]]:
    """Return the dated versions [(from_s, version), …] of chips that are registered."""
    row = c.secure_card.c
    query = (
        select(row.uid_hash, row.from_s, row.key_version)
        .where(row.ledger_id == ledger_id, row.uid_hash.in_(set(uid_hashes)))
        .order_by(row.from_s)
    )
    found: dict[bytes, list[tuple[int, int]]] = {}
    for each in conn.execute(query):
        found.setdefault(each.uid_hash, []).append((each.from_s, each.key_version))
    return found


def version_at(dated: Sequence[tuple[int, int]], effective_s: int) -> int:
    """Return the version that a chip had at a moment; a chip nobody registered has the first."""
    before = [version for from_s, version in dated if from_s <= effective_s]
    return before[-1] if before else (dated[0][1] if dated else FIRST_VERSION)


def claim(conn: Connection, ledger_id: int, uses: Sequence[Use], *, now_s: int) -> list[bool]:
    """Give each message to the record that brings it first; False for one that was said before.

    A record that comes again has its message already. Runs inside a town's write transaction,
    of which there is one at a time.
    """
    taken = _taken(conn, ledger_id, uses)
    newest = _newest(conn, ledger_id, {use.uid_hash for use in uses})
    owned: list[bool] = []
    for use in uses:
        owner = taken.get(use.message)
        if owner is None:
            taken[use.message] = use.key.name
            chip = (use.uid_hash, use.version)
            newest[chip] = max(newest.get(chip, use.counter), use.counter)
            _insert(conn, ledger_id, use, behind=newest[chip] - use.counter, now_s=now_s)
        owned.append(owner in (None, use.key.name))
    return owned


def late(conn: Connection, ledger_id: int, *, limit: int = 100) -> list[Late]:
    """Return messages that came far behind their card's newest, the last seen first."""
    row = c.card_message.c
    query = (
        select(c.card_message, t.device.c.id.label("device"))
        .join(
            t.device,
            (t.device.c.ledger_id == row.ledger_id) & (t.device.c.source_id == row.source_id),
        )
        .where(row.ledger_id == ledger_id, row.behind > FAR_BEHIND)
        .order_by(row.seen_s.desc(), row.source_id, row.seq)
        .limit(limit)
    )
    return [
        Late(r.device, f"{r.epoch:016x}", r.seq, r.counter, r.behind, r.seen_s)
        for r in conn.execute(query)
    ]


def _taken(
    conn: Connection, ledger_id: int, uses: Sequence[Use]
) -> dict[tuple[bytes, int, int], tuple[int, int, int]]:
    row = c.card_message.c
    query = select(c.card_message).where(
        row.ledger_id == ledger_id,
        row.uid_hash.in_({use.uid_hash for use in uses}),
        row.counter.in_({use.counter for use in uses}),
    )
    return {
        (r.uid_hash, r.key_version, r.counter): (r.source_id, r.epoch, r.seq)
        for r in conn.execute(query)
    }


def _newest(
    conn: Connection, ledger_id: int, uid_hashes: set[bytes]
) -> dict[tuple[bytes, int], int]:
    row = c.card_message.c
    query = (
        select(row.uid_hash, row.key_version, func.max(row.counter).label("newest"))
        .where(row.ledger_id == ledger_id, row.uid_hash.in_(uid_hashes))
        .group_by(row.uid_hash, row.key_version)
    )
    return {(each.uid_hash, each.key_version): each.newest for each in conn.execute(query)}


def _insert(conn: Connection, ledger_id: int, use: Use, *, behind: int, now_s: int) -> None:
    source_id, epoch, seq = use.key.name
    conn.execute(
        insert(c.card_message).values(
            ledger_id=ledger_id,
            uid_hash=use.uid_hash,
            key_version=use.version,
            counter=use.counter,
            source_id=source_id,
            epoch=epoch,
            seq=seq,
            behind=behind,
            seen_s=now_s,
        )
    )
