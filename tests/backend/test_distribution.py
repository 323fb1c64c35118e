"""Every key of every table holds the town, as a real PostgreSQL's own catalogue tells it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from backend import db, migrations
from backend.access.audit import Audit
from backend.access.sessions import Sessions
from backend.distribution import KEY, LOCAL, citus_statements
from backend.tables import metadata


@pytest.fixture
def catalogue(postgres_url: str) -> Iterator[Connection]:
    """A migrated database with everything that a backend makes in it."""
    engine = db.create_engine(postgres_url)
    migrations.upgrade_engine(engine)
    Sessions(engine)
    Audit(engine, 1)
    with db.read(engine) as conn:
        yield conn
    engine.dispose()


def _tables(conn: Connection) -> set[str]:
    kinds = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = "
    return set(conn.scalars(text(kinds + "'public'::regnamespace")))


def test_every_primary_and_unique_key_holds_the_town(catalogue: Connection) -> None:
    indexes = catalogue.execute(
        text(
            "SELECT c.relname AS table, i.indexrelid::regclass::text AS index, i.indisprimary, "
            "ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(n, place) "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n "
            "ORDER BY k.place) AS columns FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "WHERE (i.indisunique OR i.indisprimary OR i.indisexclusion) "
            "AND c.relnamespace = 'public'::regnamespace"
        )
    ).all()
    townless = [f"{row.table}: {row.index}" for row in indexes if KEY not in row.columns]
    primary = {row.table for row in indexes if row.indisprimary}
    led = {row.table for row in indexes if row.indisprimary and row.columns[0] == KEY}

    assert {name.split(":")[0] for name in townless} == set(LOCAL) - {"audit"}
    assert primary == _tables(catalogue)
    assert led == _tables(catalogue) - set(LOCAL) | {"audit"}


def test_no_foreign_key_leaves_its_town(catalogue: Connection) -> None:
    keys = catalogue.execute(
        text(
            "SELECT f.conname, n.relname AS near, r.relname AS far, "
            "ARRAY(SELECT a.attname::text || '=' || b.attname::text "
            "FROM unnest(f.conkey, f.confkey) AS k(n, m) "
            "JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.n "
            "JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.m) AS pairs "
            "FROM pg_constraint f JOIN pg_class n ON n.oid = f.conrelid "
            "JOIN pg_class r ON r.oid = f.confrelid "
            "WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace"
        )
    ).all()

    assert len(keys) > 20
    assert [row.conname for row in keys if f"{KEY}={KEY}" not in row.pairs] == []
    assert {row.near for row in keys}.isdisjoint(LOCAL)
    assert {row.far for row in keys}.isdisjoint(LOCAL)


def test_the_town_has_one_type_everywhere_so_that_tables_lie_together(
    catalogue: Connection,
) -> None:
    query = (
        "SELECT DISTINCT a.atttypid::regtype::text FROM pg_attribute a "
        "JOIN pg_class c ON c.oid = a.attrelid WHERE a.attname = :key AND c.relkind = 'r' "
        "AND c.relnamespace = 'public'::regnamespace"
    )

    assert catalogue.scalars(text(query), {"key": KEY}).all() == ["integer"]


def test_every_table_is_distributed_after_those_it_refers_to(catalogue: Connection) -> None:
    statements = list(citus_statements())
    order = [line.split("'")[1] for line in statements if "create_distributed_table" in line]

    assert set(order) == _tables(catalogue) - set(LOCAL)
    assert len(order) == len(set(order))
    for name in order:
        for key in metadata.tables[name].foreign_key_constraints:
            assert order.index(key.referred_table.name) <= order.index(name)
    assert all(f"colocate_with => '{order[0]}'" in line for line in statements[2:])
