"""The public log over a ledger's transfers: tiles, checkpoints and proofs, after the posting.

Leaf i is transfer i + 1: ids are dense and in commit order. A leaf is salted, so that nobody can
guess an entry from its hash. Tiles hold 256 hashes of a level, as in C2SP's tlog-tiles; a
checkpoint is C2SP's signed note. What was signed is never contradicted: a fork raises.
"""

import base64
import hashlib
import hmac
import struct
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, func, insert, select, update

from backend.ledger import tables as t
from backend.ledger.errors import LogForked
from backend.ledger.merkle import Read, consistency, inclusion, leaf_hash, node_hash, root

WIDTH = 256
_HASH = 32
_BITS = 8
_LEAF = struct.Struct(">B16Q")
_U64 = 2**64 - 1
# C2SP signed-note: the signature type of plain Ed25519.
_ED25519 = b"\x01"


class Origin(NamedTuple):
    """A log's name and the secret salt of its leaves."""

    number: int
    name: str
    salt: bytes


class SignLog(NamedTuple):
    """Asks the poster to bring the log up to date and sign it; answers the note, or None."""

    key: Ed25519PrivateKey


class Checkpoint(NamedTuple):
    """What a note says."""

    origin: str
    size: int
    root: bytes


def leaf(salt: bytes, row: Any) -> bytes:
    """The hash of a transfer's leaf. `row` has the columns of `transfer`.

    The leaf is HMAC(salt, id)[:16] ‖ which of the four optional names are there (a bit each) ‖
    the row's numbers, 64 bits each and big-endian, absent ones as 0 ‖ the record's hash or zeros.
    """
    optional = (row.pending_id, row.corrects_id, row.source_id, row.hash)
    present = sum(1 << bit for bit, value in enumerate(optional) if value is not None)
    packed = _LEAF.pack(
        present, row.ledger_id, row.id, row.debit, row.credit, row.amount, row.code,
        row.group_id, row.state, row.pending_id or 0, row.corrects_id or 0, row.source_id or 0,
        row.epoch or 0, row.seq or 0, row.leg, row.effective_s & _U64, row.recorded_us,
    )  # fmt: skip
    own_salt = hmac.digest(salt, row.id.to_bytes(8, "big"), "sha256")[:16]
    return leaf_hash(own_salt + packed + (row.hash or bytes(_HASH)))


def origin(conn: Connection, ledger_id: int) -> Origin:
    """The log in force: the one of the highest number."""
    table = t.log_origin.c
    row = conn.execute(
        select(table.number, table.name, table.salt)
        .where(table.ledger_id == ledger_id)
        .order_by(table.number.desc())
        .limit(1)
    ).one()
    return Origin(row.number, row.name, bytes(row.salt))


def size(conn: Connection, ledger_id: int) -> int:
    """How many transfers the tiles hold."""
    table = t.log_tile.c
    row = conn.execute(
        select(table.n, table.hashes)
        .where(table.ledger_id == ledger_id, table.level == 0)
        .order_by(table.n.desc())
        .limit(1)
    ).one_or_none()
    return 0 if row is None else row.n * WIDTH + len(row.hashes) // _HASH


def integrate(conn: Connection, ledger_id: int, limit: int = 4096) -> int:
    """Appends up to `limit` transfers to the tiles; returns how many. Needs the ledger's lock."""
    salt, done = origin(conn, ledger_id).salt, size(conn, ledger_id)
    rows = conn.execute(
        select(t.transfer)
        .where(t.transfer.c.ledger_id == ledger_id, t.transfer.c.id > done)
        .order_by(t.transfer.c.id)
        .limit(limit)
    )
    hashes = [leaf(salt, row) for row in rows]
    level, first, added = 0, done, hashes
    while added:
        parents = _append(conn, ledger_id, level, first, added)
        first, added, level = first // WIDTH, parents, level + 1
    return len(hashes)


def _append(
    conn: Connection, ledger_id: int, level: int, first: int, added: list[bytes]
) -> list[bytes]:
    """Appends hashes to a level's tiles and returns the roots of the tiles that became full."""
    full: list[bytes] = []
    table, position = t.log_tile.c, first
    end = first + len(added)
    while position < end:
        n, filled = divmod(position, WIDTH)
        part = added[position - first : (n + 1) * WIDTH - first]
        if filled:
            key = (table.ledger_id == ledger_id, table.level == level, table.n == n)
            hashes = bytes(conn.scalars(select(table.hashes).where(*key)).one()) + b"".join(part)
            conn.execute(update(t.log_tile).where(*key).values(hashes=hashes))
        else:
            hashes = b"".join(part)
            conn.execute(
                insert(t.log_tile).values(ledger_id=ledger_id, level=level, n=n, hashes=hashes)
            )
        if len(hashes) == WIDTH * _HASH:
            full.append(_subtree(hashes))
        position += len(part)
    return full


def _subtree(hashes: bytes) -> bytes:
    """The root over a power of two of hashes."""
    row = [hashes[i : i + _HASH] for i in range(0, len(hashes), _HASH)]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def reader(conn: Connection, ledger_id: int) -> Read:
    """Reads the tree's nodes from the tiles; keeps the tiles that it has read."""
    tiles: dict[tuple[int, int], bytes] = {}
    table = t.log_tile.c

    def read(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, _BITS)
        first = index << inner
        n, offset = divmod(first, WIDTH)
        if (tile_level, n) not in tiles:
            tiles[tile_level, n] = bytes(
                conn.scalars(
                    select(table.hashes).where(
                        table.ledger_id == ledger_id, table.level == tile_level, table.n == n
                    )
                ).one()
            )
        hashes = tiles[tile_level, n][offset * _HASH : (offset + (1 << inner)) * _HASH]
        return _subtree(hashes)

    return read


def root_at(conn: Connection, ledger_id: int, tree_size: int) -> bytes:
    """The root over the first `tree_size` transfers, which the tiles must hold."""
    return root(tree_size, reader(conn, ledger_id))


def prove_inclusion(
    conn: Connection, ledger_id: int, transfer_id: int, tree_size: int
) -> list[bytes]:
    """The audit path of a transfer in the tree of a checkpoint."""
    return inclusion(transfer_id - 1, tree_size, reader(conn, ledger_id))


def prove_consistency(conn: Connection, ledger_id: int, old: int, new: int) -> list[bytes]:
    """The proof that one checkpoint's tree is a prefix of another's."""
    return consistency(old, new, reader(conn, ledger_id))


def sign_all(
    conn: Connection, ledger_id: int, key: Ed25519PrivateKey, recorded_us: int
) -> str | None:
    """Integrates every transfer and signs the tree. Needs the ledger's lock."""
    while integrate(conn, ledger_id):
        continue
    return checkpoint(conn, ledger_id, key, recorded_us)


def checkpoint(
    conn: Connection, ledger_id: int, key: Ed25519PrivateKey, recorded_us: int
) -> str | None:
    """Signs the tree as it is and stores the note; None when nothing is new.

    Raises LogForked when an earlier checkpoint is no prefix of it: that is never signed.
    """
    log, tree_size = origin(conn, ledger_id), size(conn, ledger_id)
    table = t.checkpoint.c
    last = conn.execute(
        select(table.size, table.root)
        .where(table.ledger_id == ledger_id, table.origin_no == log.number)
        .order_by(table.size.desc())
        .limit(1)
    ).one_or_none()
    if last is not None:
        if last.size > tree_size or root_at(conn, ledger_id, last.size) != bytes(last.root):
            raise LogForked(f"The checkpoint of {last.size} transfers is no prefix of the books.")
        if last.size == tree_size:
            return None
    said = Checkpoint(log.name, tree_size, root_at(conn, ledger_id, tree_size))
    note = sign(said, log.name, key)
    conn.execute(
        insert(t.checkpoint).values(
            ledger_id=ledger_id,
            origin_no=log.number,
            size=said.size,
            root=said.root,
            note=note,
            recorded_us=recorded_us,
        )
    )
    return note


def _key_id(name: str, key: Ed25519PublicKey) -> bytes:
    public = name.encode() + b"\n" + _ED25519 + key.public_bytes_raw()
    return hashlib.sha256(public).digest()[:4]


def sign(said: Checkpoint, name: str, key: Ed25519PrivateKey) -> str:
    """A C2SP checkpoint as a signed note."""
    text = f"{said.origin}\n{said.size}\n{base64.b64encode(said.root).decode()}\n"
    signature = _key_id(name, key.public_key()) + key.sign(text.encode())
    return f"{text}\n— {name} {base64.b64encode(signature).decode()}\n"


def open_note(note: str, name: str, key: Ed25519PublicKey) -> Checkpoint:
    """What a note says, if `name` signed it with `key`. Raises ValueError otherwise."""
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        signed = line.removeprefix(f"— {name} ")
        if signed == line:
            continue
        raw = base64.b64decode(signed, validate=True)
        if raw[:4] != _key_id(name, key):
            continue
        try:
            key.verify(raw[4:], text.encode())
        except InvalidSignature:
            raise ValueError("the note's signature is not its key's") from None
        said, tree_size, root_, *_ = text.splitlines()
        return Checkpoint(said, int(tree_size), base64.b64decode(root_, validate=True))
    raise ValueError(f"the note is not signed by {name}")


def last_checkpoint_size(conn: Connection, ledger_id: int) -> int:
    """The size that was last signed, 0 if none was."""
    table = t.checkpoint.c
    number = origin(conn, ledger_id).number
    return int(
        conn.scalar(
            select(func.max(table.size)).where(
                table.ledger_id == ledger_id, table.origin_no == number
            )
        )
        or 0
    )
