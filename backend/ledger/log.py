"""The public log over a ledger's transfers: checkpoints and proofs over the tree of `tiles`.

A checkpoint is C2SP's signed note. What was signed is never contradicted: a fork raises.
"""

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, exists, func, insert, select

from backend.ledger import tables as t
from backend.ledger.errors import LogForked, LogMissing
from backend.ledger.merkle import Read, consistency, inclusion, root
from backend.ledger.notes import Checkpoint, sign
from backend.ledger.tiles import reader, size


class Origin(NamedTuple):
    """A log's name and the secret salt of its leaves."""

    number: int
    name: str
    salt: bytes


# In a checkpoint: the size of the one before it, so that one that is taken out is missed.
FOLLOWS = "follows"


class SignLog(NamedTuple):
    """Asks the poster for a checkpoint of the books; answers the note, or None."""

    key: Ed25519PrivateKey
    # Further lines of the note: what else is committed to at this moment.
    extensions: tuple[str, ...] = ()


def origin(conn: Connection, ledger_id: int) -> Origin:
    """The log in force: the one of the highest number. Raises LogMissing."""
    table = t.log_origin.c
    row = conn.execute(
        select(table.number, table.name, table.salt)
        .where(table.ledger_id == ledger_id)
        .order_by(table.number.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise LogMissing(
            "The row that names the log and holds its salt (log_origin) is gone from the books: "
            "nothing can be proved of them. Put back a backup: farz restore"
        )
    return Origin(row.number, row.name, bytes(row.salt))


def root_at(conn: Connection, ledger_id: int, tree_size: int) -> bytes:
    """The root over the first `tree_size` transfers."""
    return root(tree_size, _nodes(conn, ledger_id))


def prove_inclusion(
    conn: Connection, ledger_id: int, transfer_id: int, tree_size: int
) -> list[bytes]:
    """The audit path of a transfer in the tree of a checkpoint."""
    return inclusion(transfer_id - 1, tree_size, _nodes(conn, ledger_id))


def prove_consistency(conn: Connection, ledger_id: int, old: int, new: int) -> list[bytes]:
    """The proof that one checkpoint's tree is a prefix of another's."""
    return consistency(old, new, _nodes(conn, ledger_id))


def _nodes(conn: Connection, ledger_id: int) -> Read:
    return reader(conn, ledger_id, origin(conn, ledger_id).salt)


def checkpoint(conn: Connection, ledger_id: int, asked: SignLog, recorded_us: int) -> str | None:
    """Signs the tree as it is and stores the note and its key; None when nothing is new.

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
    follows = () if last is None else (f"{FOLLOWS} {last.size}",)
    note = sign(said, log.name, asked.key, (*asked.extensions, *follows))
    _keep_key(conn, ledger_id, asked.key, recorded_us)
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


def _keep_key(conn: Connection, ledger_id: int, key: Ed25519PrivateKey, recorded_us: int) -> None:
    """No note without the key that it is checked with."""
    row, public = t.log_key.c, key.public_key().public_bytes_raw()
    mine = row.ledger_id == ledger_id
    if conn.scalar(select(exists().where(mine, row.public == public))):
        return
    number = (conn.scalar(select(func.max(row.number)).where(mine)) or 0) + 1
    values = {"number": number, "public": public, "recorded_us": recorded_us}
    conn.execute(insert(t.log_key).values(ledger_id=ledger_id, **values))


def follows(note: str) -> int | None:
    """The size of the checkpoint before this one; None where the note says nothing of it."""
    for line in note.partition("\n\n")[0].splitlines()[3:]:
        word, _, size_ = line.partition(" ")
        if word == FOLLOWS and size_.isdecimal():
            return int(size_)
    return None


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
