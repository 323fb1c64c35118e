"""Rows of a town: whether one is there, and a number for the next.

Numbers are in order where people say them aloud, at random where they name people. All of it
happens inside a write transaction, which a town has one of at a time.
"""

import secrets
from typing import Any

from sqlalchemy import Column, Connection, Table, func, literal, select

from backend.errors import Taken

_BELOW = 2**53  # above this a JSON reader may round


def exists(conn: Connection, table: Table, **columns: Any) -> bool:
    """Tell whether there is a row with these values."""
    named = [table.c[name] == value for name, value in columns.items()]
    return conn.scalar(select(literal(1)).select_from(table).where(*named).limit(1)) is not None


def require_free(conn: Connection, table: Table, words: str, **columns: Any) -> None:
    """Raises Taken, in these words, if there is a row with these values."""
    if exists(conn, table, **columns):
        raise Taken(words)


def next_id(conn: Connection, ledger_id: int, column: Column[Any]) -> int:
    """Return the number after the town's greatest in this column, from 1 on."""
    query = select(func.coalesce(func.max(column), 0)).where(column.table.c.ledger_id == ledger_id)
    return int(conn.scalars(query).one()) + 1


def random_id() -> int:
    """Return a number that tells nothing of how many there are."""
    return secrets.randbelow(_BELOW - 1) + 1
