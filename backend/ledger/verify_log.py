"""Invariant I10: tiles and checkpoints against a tree that is folded from the rows alone.

The tree is kept as its right edge, so that memory does not grow with the transfers.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, func, select

from backend.ledger import log, tiles
from backend.ledger import tables as t
from backend.ledger.log import Origin
from backend.ledger.merkle import root
from backend.ledger.notes import open_note, signatures
from backend.ledger.proof_tables import log_key

_NAMED = 20
Told = Callable[[str, str], None]


class LogCheck:
    """Takes the leaves in order; tells what the log says otherwise.

    `with_tiles` is False for an export, which has the leaves and no tiles.
    """

    def __init__(
        self, conn: Connection, ledger_id: int, name: Origin, told: Told, *, with_tiles: bool
    ) -> None:
        self._conn, self._ledger_id, self._told = conn, ledger_id, told
        self._with_tiles = with_tiles
        self._edge: list[list[bytes]] = [[]]
        self._made: Counter[int] = Counter()
        self._size = 0
        self._said = _checkpoints(conn, ledger_id, name)
        self.checkpoints = len(self._said)
        self._keys = self._read_keys()
        self._check_series()
        if (row := self._said.pop(0, None)) is not None:
            self._judge(row)  # signed before anything was booked

    def _read_keys(self) -> list[Ed25519PublicKey]:
        """Every key that signed, which are numbered without a gap."""
        key, keys = log_key.c, []
        rows = self._conn.execute(
            select(key.number, key.public)
            .where(key.ledger_id == self._ledger_id)
            .order_by(key.number)
        ).all()
        for row in rows:
            try:
                keys.append(Ed25519PublicKey.from_public_bytes(bytes(row.public)))
            except ValueError:
                self._told("I10", f"the log's key {row.number} is no key")
        for number in sorted(set(range(1, len(rows) + 1)) - {row.number for row in rows}):
            self._told("I10", f"the log's key {number} is gone")
        if self._said and not rows:
            self._told("I10", "the log's keys are gone: nobody can tell who signed its checkpoints")
        return keys

    def _check_series(self) -> None:
        """Each checkpoint names the size of the one before it."""
        before: int | None = None
        for size in sorted(self._said):
            named = log.follows(self._said[size].note)
            if named is not None and named != before:
                self._told(
                    "I10",
                    f"the checkpoint of {size} transfers follows one of {named}, which is gone",
                )
            before = size

    def add(self, leaf: bytes) -> None:
        """The next leaf's hash."""
        self._edge[0].append(leaf)
        self._size += 1
        level = 0
        while len(self._edge[level]) == tiles.WIDTH:
            top = tiles.subtree(self._edge[level])
            if self._with_tiles:
                self._compare(level, self._made[level], self._edge[level], top)
            self._made[level] += 1
            self._edge[level] = []
            level += 1
            if level == len(self._edge):
                self._edge.append([])
            self._edge[level].append(top)
        if (row := self._said.pop(self._size, None)) is not None:
            self._judge(row)

    def finish(self) -> None:
        """After the last leaf: what is left over is more than the books hold."""
        for size in sorted(self._said):
            self._told("I10", f"the checkpoint of {size} transfers is no prefix of the books")
        if not self._with_tiles:
            return
        tile = t.log_tile.c
        kept = select(tile.level, tile.n).where(tile.ledger_id == self._ledger_id)
        for level, last in self._conn.execute(
            select(tile.level, func.max(tile.n))
            .where(tile.ledger_id == self._ledger_id)
            .group_by(tile.level)
        ).all():
            beyond = kept.where(tile.level == level, tile.n >= self._made[level])
            if last >= self._made[level]:
                for row in self._conn.execute(beyond.order_by(tile.n).limit(_NAMED)):
                    self._told("I10", f"the log has a tile {row.level}/{row.n} out of place")

    def _compare(self, level: int, n: int, hashes: list[bytes], top: bytes) -> None:
        tile = t.log_tile.c
        row = self._conn.execute(
            select(tile.hashes, tile.root).where(
                tile.ledger_id == self._ledger_id, tile.level == level, tile.n == n
            )
        ).one_or_none()
        if row is None:
            self._told("I10", f"the log lacks tile {level}/{n}")
        elif bytes(row.hashes) != b"".join(hashes) or bytes(row.root) != top:
            self._told("I10", f"the log's tile {level}/{n} is not made of its transfers")

    def _judge(self, row: Any) -> None:
        found = root(self._size, self._node)
        if bytes(row.root) != found:
            self._told("I10", f"the checkpoint of {row.size} transfers is no prefix of the books")
        if not self._keys:
            return
        try:
            said = open_note(row.note, row.name, *self._keys)
        except ValueError as error:
            self._told("I10", f"the note of {row.size} transfers: {error}")
            return
        if said != (row.name, row.size, bytes(row.root)):
            self._told("I10", f"the note of {row.size} transfers says something else than its row")
        if len(signatures(row.note)) > 1:
            self._told("I10", f"the note of {row.size} transfers has a signature that is not ours")

    def _node(self, level: int, index: int) -> bytes:
        """The complete subtrees that end at the right edge are all that a root is made of."""
        tile_level, inner = divmod(level, 8)
        start = (index << inner) % tiles.WIDTH
        return tiles.subtree(self._edge[tile_level][start : start + (1 << inner)])


def _checkpoints(conn: Connection, ledger_id: int, name: Origin) -> dict[int, Any]:
    """The checkpoints of the origin in force, by size. Those of a closed one may contradict."""
    table = t.checkpoint.c
    rows = conn.execute(
        select(table.size, table.root, table.note, t.log_origin.c.name)
        .join(t.log_origin, (t.log_origin.c.ledger_id == table.ledger_id)
              & (t.log_origin.c.number == table.origin_no))
        .where(table.ledger_id == ledger_id, table.origin_no == name.number)
    )  # fmt: skip
    return {row.size: row for row in rows}
