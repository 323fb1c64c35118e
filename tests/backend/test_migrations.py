"""The models and the migrations are the same tables, on both engines."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from backend import db, migrations
from backend.tables import APPEND_ONLY


def test_migrations_make_exactly_the_models(database_url: str) -> None:
    engine = db.create_engine(database_url)

    migrations.upgrade_engine(engine)

    migrations.check(engine)
    with db.read(engine) as conn:
        assert migrations.is_current(conn)
    engine.dispose()


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    engine = db.create_engine(database_url)
    migrations.upgrade_engine(engine)

    migrations.upgrade_engine(engine)

    migrations.check(engine)
    engine.dispose()


def test_an_empty_database_is_not_current(database_url: str) -> None:
    engine = db.create_engine(database_url)

    with db.read(engine) as conn:
        assert not migrations.is_current(conn)
    engine.dispose()


@pytest.mark.parametrize("name", [*APPEND_ONLY, "transfer", "record"])
def test_what_was_decided_is_never_edited(sqlite_url: str, name: str) -> None:
    engine = db.create_engine(sqlite_url)
    migrations.upgrade_engine(engine)

    with db.read(engine) as conn:
        triggers = conn.scalars(
            text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name"),
            {"name": name},
        ).all()

    assert {f"{name}_no_update", f"{name}_no_delete"} <= set(triggers)
    engine.dispose()


def test_an_approved_rate_cannot_be_changed_in_the_database(database_url: str) -> None:
    engine = db.create_engine(database_url)
    migrations.upgrade_engine(engine)
    with db.begin(engine) as conn:
        conn.execute(text("INSERT INTO tariff VALUES (1, 1, 0, '', 'staff:1', 0)"))

    with pytest.raises(DatabaseError, match="append-only"), db.begin(engine) as conn:
        conn.execute(text("UPDATE tariff SET from_s = 5"))
    engine.dispose()
