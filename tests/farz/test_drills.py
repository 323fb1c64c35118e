"""The drills find nothing in the books as they are, and find the fault where one is put in."""

from typing import get_args

import pytest
from sqlalchemy import Connection, Table

from backend.ledger.store import Rows
from backend.ledger.store_sqlite import SqliteStore
from farz.drills import DRILLS, Engine, drill
from farz.errors import FarzError

ENGINES = get_args(Engine)


@pytest.mark.parametrize(("engine", "runs"), [("sqlite", 150), ("postgresql", 40)])
def test_a_poster_that_fails_at_any_statement_loses_and_doubles_nothing(
    engine: Engine, runs: int
) -> None:
    report = drill("failpoint", runs, 1, engine)

    assert report["ok"], report
    assert report["struck_by"]["kill"] > 0
    if engine == "sqlite":
        # Every statement of a mixed batch was struck, before it and after it.
        assert report["statements"]["mixed"] > 20
        assert report["committed_all_the_same"] > 0
    assert all(report["reached"][shape] >= n for shape, n in report["statements"].items())
    assert sum(report["reached"].values()) > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_server_loses_and_doubles_nothing(engine: Engine) -> None:
    report = drill("kill", 2, 3, engine)

    assert report["ok"], report
    assert report["resent"] > 0, "nobody was interrupted: the drill proved nothing"
    assert (report["killed"]["database"] > 0) == (engine == "postgresql")


def test_a_batch_that_is_committed_in_two_parts_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: if this fails, the drill above proves nothing."""
    whole = SqliteStore.bulk

    def halved(self: SqliteStore, conn: Connection, table: Table, rows: Rows) -> None:
        whole(self, conn, table, rows)
        if rows and table.name == "transfer":
            conn.connection.commit()
            conn.exec_driver_sql("BEGIN IMMEDIATE")

    monkeypatch.setattr(SqliteStore, "bulk", halved)

    report = drill("failpoint", 100, 1)

    assert not report["ok"]
    assert report["doubled"] > 0


def test_an_unknown_drill_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(FarzError, match=", ".join(DRILLS)):
        drill("earthquake", 1, 1)
