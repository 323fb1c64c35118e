"""Numbers for new rows: in order where people say them aloud, at random where they name people.

Both are drawn inside a write transaction, which a town has one of at a time.
"""

import secrets
from typing import Any

from sqlalchemy import Column, Connection, func, select

_BELOW = 2**53  # above this a JSON reader may round


def next_id(conn: Connection, ledger_id: int, column: Column[Any]) -> int:
    """Return the number after the town's greatest in this column, from 1 on."""
    query = select(func.coalesce(func.max(column), 0)).where(column.table.c.ledger_id == ledger_id)
    return int(conn.scalars(query).one()) + 1


def random_id() -> int:
    """Return a number that tells nothing of how many there are."""
    return secrets.randbelow(_BELOW - 1) + 1
