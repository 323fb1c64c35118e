"""A database that is lent again is as its template is, whatever a test did to it."""

import psycopg
import pytest
from psycopg import OperationalError
from sqlalchemy import URL, make_url

from farz import postgres
from tests.fixtures.recycled import Recycled

LEFT = (
    "INSERT INTO child VALUES (1, 7)",
    "DELETE FROM child; DELETE FROM parent; INSERT INTO parent VALUES (2, 'changed')",
    "SELECT nextval('number'), nextval('number')",
    "CREATE TABLE more (id int)",
    "DROP TRIGGER kept ON child",
    "ALTER TABLE child DISABLE TRIGGER kept",
    "TRUNCATE child, parent",
    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'",
    "GRANT SELECT ON child TO PUBLIC",
    "ANALYZE",
)


@pytest.fixture(scope="module")
def recycled(postgres_server: URL) -> Recycled:
    postgres.administer(postgres_server, "CREATE DATABASE small_template")
    with psycopg.connect(_plain(postgres.named(postgres_server, "small_template"))) as conn:
        conn.execute("CREATE SEQUENCE number")
        conn.execute("CREATE TABLE parent (id int PRIMARY KEY, name text)")
        conn.execute("CREATE TABLE child (id int, parent_id int REFERENCES parent)")
        conn.execute("INSERT INTO parent VALUES (7, 'seven')")
        conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE EXCEPTION ''kept''; END'"
        )
        conn.execute(
            "CREATE TRIGGER kept BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    return Recycled(postgres_server, "small_template")


@pytest.mark.parametrize("statement", LEFT)
def test_whatever_a_test_leaves_is_gone(recycled: Recycled, statement: str) -> None:
    with recycled.lent() as url:
        before = _state(url)
        _run(url, statement)
        assert _state(url) != before

    with recycled.lent() as url:
        assert _state(url) == before


def test_rows_alone_need_no_new_database(recycled: Recycled) -> None:
    with recycled.lent() as url:
        oid = _oid(url)
        _run(url, LEFT[0])

    with recycled.lent() as url:
        assert _oid(url) == oid


def test_an_open_transaction_is_cut_off_and_finds_nothing_again(recycled: Recycled) -> None:
    with recycled.lent() as url:
        before = _state(url)
        left = psycopg.connect(_plain(url))
        left.execute("INSERT INTO child VALUES (1, 7)")

    with recycled.lent() as again:
        assert _state(again) == before
        with pytest.raises(OperationalError):
            left.execute("SELECT 1")
        with pytest.raises(OperationalError, match="does not exist"):
            psycopg.connect(_plain(url))


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(url: str, statement: str) -> None:
    with psycopg.connect(_plain(url)) as conn:
        conn.execute(statement)


def _oid(url: str) -> object:
    with psycopg.connect(_plain(url)) as conn:
        query = "SELECT oid FROM pg_database WHERE datname = current_database()"
        return conn.execute(query).fetchone()


def _state(url: str) -> list[object]:
    """What a test could see: rows, sequence, and the schema as a dump would have it."""
    asked = (
        "SELECT * FROM parent",
        "SELECT * FROM child",
        "SELECT pg_sequence_last_value('number')",
        "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " ORDER BY 1",
        "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT prosrc FROM pg_proc WHERE proname = 'refuse'",
        "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'public' ORDER BY 1, 2",
    )
    with psycopg.connect(_plain(url)) as conn:
        return [conn.execute(query).fetchall() for query in asked]
