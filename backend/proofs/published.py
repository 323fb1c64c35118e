"""What was published of the log, held against the books, whose owner cannot change it.

Each checkpoint names the one before it, so that one that is taken out is missed; nobody in the
books misses the newest. Whoever has it from elsewhere does.
"""

from pathlib import Path

from sqlalchemy import Connection, select

from backend.ledger import log as books_log
from backend.ledger import tables as t
from backend.ledger import tiles
from backend.ledger.notes import Checkpoint, read_checkpoint


def wrong(conn: Connection, ledger_id: int, path: Path, *, recovering: bool = False) -> str | None:
    """What the books say otherwise than the published note in a file; None if nothing.

    The verifier itself compares the checkpoints of the books with their transfers. A town that
    is `recovering` may be a backup's from between the last transfer and its signing: then what
    was published need not be among its checkpoints, but is a prefix of its books.
    Raises OSError.
    """
    try:
        said = read_checkpoint(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return f"{path} holds no checkpoint: {error}"
    row, log = t.checkpoint.c, t.log_origin.c
    known = conn.execute(
        select(row.root)
        .join(t.log_origin, (log.ledger_id == row.ledger_id) & (log.number == row.origin_no))
        .where(row.ledger_id == ledger_id, log.name == said.origin, row.size == said.size)
    ).one_or_none()
    if known is None and recovering and _is_prefix(conn, ledger_id, said):
        return None
    what = f"the checkpoint of {said.size} transfers of {said.origin} in {path}"
    if known is None:
        return f"{what} was published and is not in the books"
    return None if bytes(known.root) == said.root else f"{what} has another root than in the books"


def _is_prefix(conn: Connection, ledger_id: int, said: Checkpoint) -> bool:
    if said.origin != books_log.origin(conn, ledger_id).name:
        return False
    if said.size > tiles.size(conn, ledger_id):
        return False
    return books_log.root_at(conn, ledger_id, said.size) == said.root
