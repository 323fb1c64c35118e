"""How much work a read is, counted by the engine itself: nothing here is timed.

SQLite counts the steps of its virtual machine; PostgreSQL counts the rows that its plan's scans
produce or throw away, with sequential scans off, so that small tables are read as large ones.

How PostgreSQL plans depends on what it knows of the tables, and a town's database goes through all
of it. So it is asked with the statistics that the last look left behind, which are of a shorter
history by now, then with none, then with those of this moment; what counts is the most work.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, event

from backend import db

_OWN = "SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


def work(engine: Engine, ask: Callable[[Connection], object]) -> int:
    """The work of `ask` on a connection that only reads."""
    if engine.dialect.name == "sqlite":
        with db.read(engine) as conn:
            return _steps(conn, ask)
    return max(rows(engine, ask) for _ in statistics(engine))


def statistics(engine: Engine) -> Iterator[str]:
    """Brings PostgreSQL from one state of its statistics to the next. For a superuser."""
    yield "old"
    with db.begin(engine) as conn:
        conn.exec_driver_sql("SET LOCAL allow_system_table_mods = on")
        conn.exec_driver_sql(f"DELETE FROM pg_statistic WHERE starelid IN ({_OWN})")
        conn.exec_driver_sql(
            f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid IN ({_OWN})"
        )
    yield "none"
    with db.begin(engine) as conn:
        conn.exec_driver_sql("ANALYZE")
    yield "new"


def _steps(conn: Connection, ask: Callable[[Connection], object]) -> int:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    driver: Any = conn.connection.driver_connection
    driver.set_progress_handler(count, 1)
    ask(conn)
    driver.set_progress_handler(None, 1)
    return steps


def rows(engine: Engine, ask: Callable[[Connection], object]) -> int:
    """The rows that PostgreSQL reads for it, planned with the statistics that there are."""
    with db.read(engine) as conn:
        return rows_of(conn, ask)


def rows_of(conn: Connection, ask: Callable[[Connection], object]) -> int:
    """The same on a connection that was set up otherwise."""
    conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
    conn.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(conn, "before_cursor_execute", note)
    ask(conn)
    event.remove(conn, "before_cursor_execute", note)
    rows = 0
    for statement, parameters in asked:
        plan = conn.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        found = plan.scalar_one()
        root = found if isinstance(found, list) else json.loads(found)
        rows += sum(_produced(node) for node in _scans(root[0]["Plan"]))
    return rows


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Scan" in node["Node Type"]:
        yield node
    for child in node.get("Plans", ()):
        yield from _scans(child)


def _produced(node: dict[str, Any]) -> int:
    per_loop = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return max(1, round(per_loop)) * int(node["Actual Loops"])
