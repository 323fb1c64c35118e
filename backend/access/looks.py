"""The audit log as people read it: with the names that are behind its numbers now."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend import tables as t
from backend.access.audit import Line
from backend.access.tables import counter
from backend.services import Services

_NAMES = {"staff": t.staff, "resident": t.person, "counter": counter}


@dataclass(frozen=True, slots=True)
class Look:
    """`name` is whose doing it was; a number where the name is gone."""

    line: Line
    name: str


def looks(
    services: Services,
    *,
    person_id: int | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Look]:
    """Return lines, newest first: those about one person, or all."""
    lines = services.audit.lines(person_id=person_id, before_id=before_id, limit=limit)
    with services.read() as conn:
        return named(conn, services.ledger_id, lines)


def named(conn: Connection, ledger_id: int, lines: list[Line]) -> list[Look]:
    """Put names to the numbers of who did it."""
    names: dict[tuple[str, int], str] = {}
    for kind, table in _NAMES.items():
        ids = {line.actor.id for line in lines if line.actor.kind == kind}
        query = select(table.c.id, table.c.name)
        if ids:
            query = query.where(table.c.ledger_id == ledger_id, table.c.id.in_(ids))
            names |= {(kind, row.id): row.name for row in conn.execute(query)}
    return [
        Look(
            line, names.get((line.actor.kind, line.actor.id), f"{line.actor.role} {line.actor.id}")
        )
        for line in lines
    ]
