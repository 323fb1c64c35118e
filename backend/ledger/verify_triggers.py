"""Invariant I7: what is added to is never changed, and the database itself refuses it."""

from collections.abc import Callable

from sqlalchemy import Connection, text

from backend.ledger import tables as t
from backend.ledger.append_only import append_only_ddl


def check_triggers(conn: Connection, add: Callable[[str, str], None]) -> None:
    """Each table that is added to has the triggers that refuse a change, as we wrote them."""
    wanted = append_only_ddl(conn.dialect.name, t.APPEND_ONLY)
    if conn.dialect.name == "sqlite":
        query = "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
        found = set(conn.scalars(text(query)))
        lost = [s for s in (w.replace("IF NOT EXISTS ", "") for w in wanted) if s not in found]
    else:
        query = (
            "SELECT g.tgname FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid "
            "WHERE g.tgenabled IN ('O', 'A') AND p.proname = 'farz_append_only' "
            "AND strpos(:ddl, p.prosrc) > 0"
        )
        found = set(conn.scalars(text(query), {"ddl": wanted[0]}))
        lost = [s for s in (w.replace("OR REPLACE ", "") for w in wanted[1:])
                if s.split()[2] not in found]  # fmt: skip
    for statement in sorted(lost):
        name, table = statement.split()[2], statement.partition(" ON ")[2].split()[0]
        add("I7", f"{table} can be changed: its trigger {name} is gone or another")
