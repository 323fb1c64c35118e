"""Founding a town, its points, and the count of changes that caches go by."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from backend import rows
from backend import tables as t
from backend.errors import AlreadyFounded, NotFound, NotFounded
from backend.ledger import accounts
from backend.towns.tables import town_backing


@dataclass(frozen=True, slots=True)
class Town:
    ledger_id: int
    name: str
    currency: str
    scale: int
    languages: tuple[str, ...]
    timezone: str
    revision: int


@dataclass(frozen=True, slots=True)
class Point:
    id: int
    name: str


def found(
    conn: Connection,
    ledger_id: int,
    name: str,
    *,
    currency: str = "QMM",
    scale: int = 2,
    languages: tuple[str, ...] = ("ar", "en"),
    timezone: str = "Asia/Hebron",
    now_s: int,
) -> Town:
    """Open a town and its books; its credit is shown with `scale` decimals.

    Raises AlreadyFounded.
    """
    if _row(conn, ledger_id) is not None:
        raise AlreadyFounded("This town is there already.")
    accounts.open_ledger(conn, ledger_id, now_s * 1_000_000, scale=scale)
    conn.execute(
        insert(t.town).values(
            ledger_id=ledger_id,
            name=name,
            currency=currency,
            scale=scale,
            languages=",".join(languages),
            timezone=timezone,
            revision=1,
            founded_s=now_s,
        )
    )
    return town(conn, ledger_id)


def town(conn: Connection, ledger_id: int) -> Town:
    """Return the town. Raises NotFounded, with the command that founds it."""
    row = _row(conn, ledger_id)
    if row is None:
        raise NotFounded("There is no town here yet. Run: farz init")
    languages = tuple(row.languages.split(","))
    return Town(ledger_id, row.name, row.currency, row.scale, languages, row.timezone, row.revision)


def back(conn: Connection, ledger_id: int, words: str, *, decided_by: str, from_s: int) -> None:
    """Say what stands behind the town's credit from a moment on. Raises Taken."""
    name = {"ledger_id": ledger_id, "from_s": from_s}
    rows.require_free(conn, town_backing, "This was said for that very moment already.", **name)
    conn.execute(insert(town_backing).values(**name, words=words, decided_by=decided_by))


def backing(conn: Connection, ledger_id: int) -> str:
    """Return what stands behind the town's credit, in words; empty if nobody has said it."""
    row = town_backing.c
    query = select(row.words).where(row.ledger_id == ledger_id).order_by(row.from_s.desc())
    return conn.scalar(query.limit(1)) or ""


def revision(conn: Connection, ledger_id: int) -> int:
    """Return how often what deposits are judged by has changed."""
    query = select(t.town.c.revision).where(t.town.c.ledger_id == ledger_id)
    return conn.scalars(query).one_or_none() or 0


def lock(conn: Connection, ledger_id: int) -> None:
    """Let nobody else write in this town until the transaction ends (SQLite does so anyway)."""
    conn.execute(select(t.town.c.revision).where(t.town.c.ledger_id == ledger_id).with_for_update())


def changed(conn: Connection, ledger_id: int) -> None:
    """Say, in the same transaction, that keys, places, journals or tariffs have changed."""
    conn.execute(
        update(t.town).where(t.town.c.ledger_id == ledger_id).values(revision=t.town.c.revision + 1)
    )


def add_point(conn: Connection, ledger_id: int, name: str, *, now_s: int) -> Point:
    """Open a collection point. Raises Taken."""
    rows.require_free(
        conn, t.point, f"There is a point called {name} already.", ledger_id=ledger_id, name=name
    )
    point_id = rows.next_id(conn, ledger_id, t.point.c.id)
    conn.execute(
        insert(t.point).values(ledger_id=ledger_id, id=point_id, name=name, created_s=now_s)
    )
    return Point(point_id, name)


def point(conn: Connection, ledger_id: int, point_id: int) -> Point:
    """Return one point. Raises NotFound."""
    for found_point in points(conn, ledger_id):
        if found_point.id == point_id:
            return found_point
    raise NotFound("There is no such collection point.")


def points(conn: Connection, ledger_id: int) -> list[Point]:
    query = select(t.point).where(t.point.c.ledger_id == ledger_id).order_by(t.point.c.id)
    return [Point(row.id, row.name) for row in conn.execute(query)]


def _row(conn: Connection, ledger_id: int) -> Row[Any] | None:
    return conn.execute(select(t.town).where(t.town.c.ledger_id == ledger_id)).one_or_none()
