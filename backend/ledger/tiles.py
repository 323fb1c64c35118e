"""The log's tree in tiles of 256 hashes, as in C2SP's tlog-tiles; each is written once, when full.

Leaf i is transfer i + 1: ids are dense and in commit order, so the tree holds every transfer at
every commit. The unfinished tile at the right edge is computed from its transfers when somebody
asks. A leaf is salted, so that nobody can guess an entry from its hash.
"""

import struct
from collections.abc import Sequence
from hashlib import sha256, shake_256
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from backend.ledger import tables as t
from backend.ledger.merkle import Read
from backend.ledger.transfers import signed64

WIDTH = 256
HASH = 32
_SALT = 16
_BITS = 8
_LEAF = struct.Struct(">B16q")
_NO_HASH = bytes(HASH)


class TileRow(NamedTuple):
    """A row of `log_tile`, in the order of its columns."""

    ledger_id: int
    level: int
    n: int
    hashes: bytes
    root: bytes


def salts(secret: bytes, n: int) -> bytes:
    """The salts of tile n of level 0, 16 bytes a leaf: SHAKE-256(secret ‖ n, 64 bits)."""
    return shake_256(secret + n.to_bytes(8, "big")).digest(WIDTH * _SALT)


def preimage(salt: bytes, row: Sequence[Any]) -> bytes:
    """What a leaf's hash is the SHA-256 of; `row` is a TransferRow, its epoch signed.

    It is RFC 6962's 0x00 ‖ leaf. The leaf is the salt ‖ which of pending, corrected, source and
    hash are there (a bit each) ‖ the row's numbers, 64 bits each and big-endian, absent ones as 0
    ‖ the record's hash or zeros.
    """
    (ledger_id, number, debit, credit, amount, code, group_id, state, pending_id, corrects_id,
     source_id, epoch, seq, leg, digest, effective_s, recorded_us) = row  # fmt: skip
    present = (
        (pending_id is not None)
        | (corrects_id is not None) << 1
        | (source_id is not None) << 2
        | (digest is not None) << 3
    )
    packed = _LEAF.pack(
        present, ledger_id, number, debit, credit, amount, code, group_id, state, pending_id or 0,
        corrects_id or 0, source_id or 0, epoch or 0, seq or 0, leg, effective_s, recorded_us,
    )  # fmt: skip
    return b"\0" + salt + packed + (digest or _NO_HASH)


class Leaves:
    """Hashes rows as the database gives them, one after another; keeps one tile's salts."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._n = -1
        self._salts = b""

    def of(self, row: Any) -> bytes:
        """`row` has the columns of `transfer` in their order, its epoch unsigned."""
        return sha256(self.preimage(row)).digest()

    def preimage(self, row: Any) -> bytes:
        """What the row's leaf is the hash of, to be shown to whom it concerns."""
        n, place = divmod(row.id - 1, WIDTH)
        if n != self._n:
            self._n, self._salts = n, salts(self._secret, n)
        values = list(row)
        if row.epoch is not None:
            values[11] = signed64(row.epoch)
        return preimage(self._salts[place * _SALT : (place + 1) * _SALT], values)


class Appender:
    """Says which tiles a batch of transfers completes, while the ledger's lock is held.

    It keeps the unfinished tile's leaves as long as nobody else posts in between, and reads them
    again otherwise. `begin`, then `add` what was decided, in order; at last `made`. Only `begin`
    and `made` use the database.
    """

    def __init__(self, ledger_id: int, secret: bytes) -> None:
        self._ledger_id = ledger_id
        self._secret = secret
        self._n = 0
        self._open: list[bytes] = []
        self._full: list[tuple[int, list[bytes]]] = []
        self._salts = b""
        self.forget()

    def forget(self) -> None:
        """What was handed over last has not been committed."""
        self._next = -1

    def begin(self, conn: Connection, first: int) -> None:
        """The transfers of this batch follow leaf `first`, of which there are so many now."""
        if first != self._next:
            self._n = first // WIDTH
            self._open = _edge(conn, self._ledger_id, self._secret, self._n, first)
            self._salts = salts(self._secret, self._n)
        self._full = []
        self.forget()

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Hashes TransferRows, which follow one another."""
        leaves, salt = self._open, self._salts
        at = len(leaves) * _SALT
        for row in rows:
            leaves.append(sha256(preimage(salt[at : at + _SALT], row)).digest())
            at += _SALT
            if at == WIDTH * _SALT:
                self._full.append((self._n, leaves))
                self._n += 1
                at, leaves, salt = 0, [], salts(self._secret, self._n)
        self._open, self._salts = leaves, salt

    def made(self, conn: Connection) -> list[TileRow]:
        """The rows of `log_tile` to write with the transfers that were added."""
        made: list[TileRow] = []
        for n, leaves in self._full:
            self._complete(conn, n, leaves, made)
        self._next = self._n * WIDTH + len(self._open)
        return made

    def extend(self, conn: Connection, rows: Sequence[Sequence[Any]]) -> list[TileRow]:
        """All three steps at once, for TransferRows that follow one another."""
        if not rows:
            return []
        self.begin(conn, rows[0][1] - 1)
        self.add(rows)
        return self.made(conn)

    def _complete(self, conn: Connection, n: int, leaves: list[bytes], made: list[TileRow]) -> None:
        """Adds a full tile of leaves, and the tiles above that became full with it."""
        level, hashes = 0, leaves
        while True:
            made.append(TileRow(self._ledger_id, level, n, b"".join(hashes), subtree(hashes)))
            n, last = divmod(n, WIDTH)
            if last != WIDTH - 1:
                return
            written = roots(conn, self._ledger_id, level, n)
            new = [tile.root for tile in made if tile.level == level and tile.n // WIDTH == n]
            hashes, level = written + new, level + 1


def _edge(conn: Connection, ledger_id: int, secret: bytes, n: int, end: int) -> list[bytes]:
    """The leaves of tile n of level 0 below index `end`, from the transfers themselves."""
    row = t.transfer.c
    asked = (
        select(t.transfer)
        .where(row.ledger_id == ledger_id, row.id > n * WIDTH, row.id <= min(end, (n + 1) * WIDTH))
        .order_by(row.id)
    )
    hashed = Leaves(secret)
    return [hashed.of(each) for each in conn.execute(asked)]


def roots(conn: Connection, ledger_id: int, level: int, parent: int) -> list[bytes]:
    """The roots of a level's full tiles below tile `parent` of the next level, in order."""
    tile = t.log_tile.c
    asked = select(tile.root).where(
        tile.ledger_id == ledger_id,
        tile.level == level,
        tile.n >= parent * WIDTH,
        tile.n < (parent + 1) * WIDTH,
    )
    return [bytes(root) for root in conn.scalars(asked.order_by(tile.n))]


def subtree(hashes: list[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [
            sha256(b"\1" + left + right).digest()
            for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]


def size(conn: Connection, ledger_id: int) -> int:
    """How many transfers there are: the size of the tree."""
    last = select(func.max(t.transfer.c.id)).where(t.transfer.c.ledger_id == ledger_id)
    return conn.scalar(last) or 0


def written(conn: Connection, ledger_id: int) -> int:
    """How many tiles of level 0 are in the table."""
    tile = t.log_tile.c
    last = select(func.max(tile.n)).where(tile.ledger_id == ledger_id, tile.level == 0)
    n = conn.scalar(last)
    return 0 if n is None else n + 1


def reader(conn: Connection, ledger_id: int, secret: bytes) -> Read:
    """Reads the tree's nodes from the tiles; keeps the tiles that it has read."""
    tiles: dict[tuple[int, int], bytes] = {}

    def read(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, _BITS)
        n, offset = divmod(index << inner, WIDTH)
        if (tile_level, n) not in tiles:
            tiles[tile_level, n] = tile(conn, ledger_id, secret, tile_level, n)
        part = tiles[tile_level, n][offset * HASH : (offset + (1 << inner)) * HASH]
        return subtree([part[i : i + HASH] for i in range(0, len(part), HASH)])

    return read


def tile(conn: Connection, ledger_id: int, secret: bytes, level: int, n: int) -> bytes:
    """The hashes of a tile, 32 bytes each: up to 256, fewer at the right edge, none beyond it."""
    row = t.log_tile.c
    full = conn.scalar(
        select(row.hashes).where(row.ledger_id == ledger_id, row.level == level, row.n == n)
    )
    if full is not None:
        return bytes(full)
    if level == 0:
        return b"".join(_edge(conn, ledger_id, secret, n, (n + 1) * WIDTH))
    return b"".join(roots(conn, ledger_id, level - 1, n))
