"""Who looked at whom and who decided what: added to, never edited, in a database of its own.

A line is on disk before the thing is shown or done: what cannot be noted does not happen. Lines
name people by number alone, so that they outlive an erasure; names are looked up when they are
read. Each town's lines are numbered without gaps, so that one that was taken out is missed.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

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
_MADE = "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass('audit') AND tgenabled = 'O'"

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


@dataclass(frozen=True, slots=True)
class _Asked:
    """Lines that somebody waits for."""

    actor: Actor
    action: str
    people: list[int | None]
    at_s: int
    done: "Future[None]" = field(default_factory=Future)


class Audit:
    """The log of one town, on an engine of its own; `exclusive` as with `db.create_engine`."""

    def __init__(self, engine: Engine, ledger_id: int) -> None:
        self._engine, self._ledger_id = engine, ledger_id
        self._gate, self._turn = Lock(), Lock()
        self._waiting: list[_Asked] = []
        with db.begin(engine) as conn:
            if engine.dialect.name == "postgresql":
                conn.execute(text(_MAKING))
                if conn.scalar(text(_MADE)):
                    return  # perhaps by another role, who alone may make it anew
            audited.create_all(conn)
            for statement in append_only_ddl(engine.dialect.name, (line.name,)):
                conn.execute(text(statement))

    def close_engine(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def add(
        self, actor: Actor, action: str, people: Iterable[int | None] = (None,), *, at_s: int
    ) -> None:
        """Write a line for each person that something is about; one without, for nobody's.

        It returns when they are on disk. Those who ask while others write are written together.
        """
        asked = _Asked(actor, action, list(people), at_s)
        if not asked.people:
            return
        with self._gate:
            self._waiting.append(asked)
        with self._turn:
            if not asked.done.done():
                self._write_waiting()
        asked.done.result()

    def _write_waiting(self) -> None:
        """Write all that was asked for so far, in one transaction."""
        with self._gate:
            batch, self._waiting = self._waiting, []
        try:
            self._write(batch)
        except BaseException as error:
            for each in batch:
                each.done.set_exception(error)
        else:
            for each in batch:
                each.done.set_result(None)

    def _write(self, batch: Sequence["_Asked"]) -> None:
        for left in range(_TRIES - 1, -1, -1):
            try:
                with db.begin(self._engine) as conn:
                    conn.execute(insert(line), self._rows(conn, batch))
                return
            except IntegrityError:  # another process took the number
                if not left:
                    raise

    def _rows(self, conn: Connection, batch: Sequence["_Asked"]) -> list[dict[str, Any]]:
        last = select(func.coalesce(func.max(line.c.id), 0))
        number = conn.scalars(last.where(line.c.ledger_id == self._ledger_id)).one()
        return [
            {
                "ledger_id": self._ledger_id,
                "id": (number := number + 1),
                "at_s": each.at_s,
                "kind": each.actor.kind,
                "actor_id": each.actor.id,
                "role": each.actor.role,
                "action": each.action,
                "person_id": person_id,
            }
            for each in batch
            for person_id in each.people
        ]

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
