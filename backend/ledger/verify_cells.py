"""Cells of SQLite that are of another kind than their column: it keeps whatever it is given.

Nothing of ours writes one, and what computes with one breaks off. So they are looked for first;
where there are some, a look that breaks off is no fault of the verifier.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, String, Table, text

from backend.ledger.verify_report import NAMED, Problem, Report

_CELLS = "cells"


@contextmanager
def naming_wrong_cells(conn: Connection, tables: Iterable[Table], report: Report) -> Iterator[None]:
    """Names the rows of a town that have such cells, then lets a look go on as far as it can."""
    for table in tables:
        for words in _wrong(conn, report.ledger_id, table):
            report.add(_CELLS, words)
    try:
        yield
    except Exception:
        if all(each.invariant != _CELLS for each in report.problems):
            raise
        report.problems[:0] = [Problem(_CELLS, "a look ended at cells of another kind")]


def _wrong(conn: Connection, ledger_id: int, table: Table) -> Iterator[str]:
    if conn.dialect.name != "sqlite":
        return  # PostgreSQL takes nothing of another kind
    cells = {column.name: f"typeof({column.name}) NOT IN {_kinds(column)}" for column in table.c}
    named = " ".join(f"WHEN {wrong} THEN '{name}'" for name, wrong in cells.items())
    key = [column.name for column in table.primary_key]
    query = (
        f"SELECT CASE {named} END, {', '.join(key)} FROM {table.name} "
        f"WHERE ledger_id = :l AND ({' OR '.join(cells.values())}) LIMIT {NAMED}"
    )
    for column, *values in conn.execute(text(query), {"l": ledger_id}):
        row = ", ".join(f"{name} {value}" for name, value in zip(key, values, strict=True))
        kind = _kinds(table.c[column])[2:-2].partition("'")[0]
        yield f"{table.name}.{column} is no {kind}: {row}"


def _kinds(column: Column[Any]) -> str:
    """What SQLite may call the cells of a column."""
    kind = "integer"
    if isinstance(column.type, String | LargeBinary):
        kind = "text" if isinstance(column.type, String) else "blob"
    return f"('{kind}', 'null')" if column.nullable else f"('{kind}')"
