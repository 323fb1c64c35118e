"""Who looked at whom and who decided what: added to, never edited, in a database of its own.

A line is on disk before the thing is shown or done: what cannot be noted does not happen. Lines
name people by number alone, so that they outlive an erasure; names are looked up when they are
read. Each town's lines are numbered without gaps, so that one that was taken out is missed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from backend import db
from backend.ledger.append_only import append_only_ddl
from backend.ledger.tables import metadata

_TRIES = 20
_MAKING = "SELECT pg_advisory_xact_lock(718281828)"  # two processes may start at once

audited = MetaData(naming_convention=metadata.naming_convention)

# `person_id` is whom it is about, if it is about anybody.
line = Table(
    "audit",
    audited,
    Column("ledger_id", Integer, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("at_s", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("role", String(32), nullable=False),
    Column("action", String(48), nullable=False),
    Column("person_id", BigInteger, nullable=True),
    PrimaryKeyConstraint("ledger_id", "id"),
    Index(None, "ledger_id", "person_id", "id"),
)


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` and `id` say whose number it is: staff, resident, or a command of the office."""

    kind: str
    id: int
    role: str


OFFICE = Actor("command", 0, "office")


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    at_s: int
    actor: Actor
    action: str
    person_id: int | None


class Audit:
    """The log of one town, on an engine of its own; `exclusive` as with `db.create_engine`."""

    def __init__(self, engine: Engine, ledger_id: int) -> None:
        self._engine, self._ledger_id = engine, ledger_id
        with db.begin(engine) as conn:
            if engine.dialect.name == "postgresql":
                conn.execute(text(_MAKING))
            audited.create_all(conn)
            for statement in append_only_ddl(engine.dialect.name, (line.name,)):
                conn.execute(text(statement))

    def close_engine(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def add(
        self, actor: Actor, action: str, people: Iterable[int | None] = (None,), *, at_s: int
    ) -> None:
        """Write a line for each person that something is about; one without, for nobody's."""
        whom = list(people)
        for left in range(_TRIES - 1, -1, -1):
            try:
                with db.begin(self._engine) as conn:
                    self._write(conn, actor, action, whom, at_s)
                return
            except IntegrityError:  # another process took the number
                if not left:
                    raise

    def _write(
        self, conn: Connection, actor: Actor, action: str, whom: list[int | None], at_s: int
    ) -> None:
        last = select(func.coalesce(func.max(line.c.id), 0))
        first = conn.scalars(last.where(line.c.ledger_id == self._ledger_id)).one() + 1
        common = {"ledger_id": self._ledger_id, "at_s": at_s, "action": action}
        common |= {"kind": actor.kind, "actor_id": actor.id, "role": actor.role}
        rows = [common | {"id": first + i, "person_id": each} for i, each in enumerate(whom)]
        if rows:
            conn.execute(insert(line), rows)

    def lines(
        self, *, person_id: int | None = None, before_id: int | None = None, limit: int = 50
    ) -> list[Line]:
        """Return lines, newest first: about one person, or all."""
        return lines(
            self._engine, self._ledger_id, person_id=person_id, before_id=before_id, limit=limit
        )


def lines(
    engine: Engine,
    ledger_id: int,
    *,
    person_id: int | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Line]:
    """The same from an engine that only reads, beside a backend that serves."""
    query = select(line).where(line.c.ledger_id == ledger_id)
    if person_id is not None:
        query = query.where(line.c.person_id == person_id)
    if before_id is not None:
        query = query.where(line.c.id < before_id)
    with db.read(engine) as conn:
        rows = conn.execute(query.order_by(line.c.id.desc()).limit(limit)).all()
    return [
        Line(row.id, row.at_s, Actor(row.kind, row.actor_id, row.role), row.action, row.person_id)
        for row in rows
    ]
