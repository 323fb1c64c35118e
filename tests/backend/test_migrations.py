"""The models and the migrations are the same tables, on both engines."""

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from backend import db, migrations
from backend.cards.tables import plain_use
from backend.ledger import accounts
from backend.ledger import rule_tables as r
from backend.ledger.tables import record
from backend.tables import APPEND_ONLY, staff
from farz.processes import ROOT


def test_migrations_make_exactly_the_models(database_url: str) -> None:
    engine = db.create_engine(database_url)

    migrations.upgrade_engine(engine)

    migrations.check(engine)
    with db.read(engine) as conn:
        assert migrations.is_current(conn)
    engine.dispose()


def test_the_newest_file_is_the_end_of_the_chain() -> None:
    assert (
        migrations.newest() == ScriptDirectory(str(ROOT / "backend/migrations")).get_current_head()
    )


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    engine = db.create_engine(database_url)
    migrations.upgrade_engine(engine)

    migrations.upgrade_engine(engine)

    migrations.check(engine)
    engine.dispose()


def test_books_that_are_open_get_the_kinds_that_new_ones_have(database_url: str) -> None:
    engine = db.create_engine(database_url)
    with db.begin(engine) as conn:
        command.upgrade(migrations._config(conn), "0005")
        conn.execute(text("INSERT INTO ledger_head VALUES (1, 1, 5, 1, 5)"))
        for row in ("1, 1, 'credit', 2, 1", "1, 2, 'compost_g', 0, 10"):
            conn.execute(text(f"INSERT INTO currency VALUES ({row})"))

    migrations.upgrade_engine(engine)

    with db.begin(engine) as conn:
        accounts.open_ledger(conn, 2, 5)
        for table in (r.money_kind, r.currency_kind, r.crossing):
            found = conn.execute(select(table).order_by(*table.primary_key.columns)).all()
            old, new = ([row[1:] for row in found if row.ledger_id == n] for n in (1, 2))
            assert old == new != []
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
        conn.execute(text("INSERT INTO tariff VALUES (1, 1, 0, '', 'staff:1', 0, NULL, NULL)"))

    with pytest.raises(DatabaseError, match="append-only"), db.begin(engine) as conn:
        conn.execute(text("UPDATE tariff SET from_s = 5"))
    engine.dispose()


def test_staff_keep_their_work_when_roles_are_renamed(database_url: str) -> None:
    engine = db.create_engine(database_url)
    before = ["clerk", "officer", "technician", "auditor", "administrator"]
    with db.begin(engine) as conn:
        command.upgrade(migrations._config(conn), "0008")
        for n, role in enumerate(before):
            values = f"1, {n}, 'login {n}', 'Name', '{role}', 'hash', false, 5"
            conn.execute(text(f"INSERT INTO staff VALUES ({values})"))

    migrations.upgrade_engine(engine)

    with db.read(engine) as conn:
        roles = conn.scalars(select(staff.c.role).order_by(staff.c.id)).all()
    assert roles == ["counter_clerk", "municipal_officer", "field_technician", *before[3:]]
    engine.dispose()


def test_what_plain_cards_brought_before_still_counts_for_their_day(database_url: str) -> None:
    engine = db.create_engine(database_url)
    deposit = {"ledger_id": 1, "source_id": 1, "kind": "deposit", "jws": b"x", "hash": b"h" * 32}
    deposit |= {"received_s": 5, "effective_s": 5, "recorded_us": 5, "fraction": "organic"}
    deposit |= {"net_g": 700, "amount": 9, "account_id": 4242, "basis": "device", "reason": ""}
    outcomes = [("credited", ""), ("queued", ""), ("held", "new_epoch"), ("held", "unstable")]
    with db.begin(engine) as conn:
        command.upgrade(migrations._config(conn), "0025")
        for seq, (outcome, reason) in enumerate(outcomes):
            row = {"epoch": 2**63 + 5, "seq": seq, "outcome": outcome, "reason": reason}
            conn.execute(record.insert().values(**deposit | row))

    migrations.upgrade_engine(engine)

    with db.read(engine) as conn:
        found = conn.execute(select(plain_use).order_by(plain_use.c.seq)).all()
    assert [(row.epoch, row.seq, row.account_id, row.net_g, row.amount) for row in found] == [
        (2**63 + 5, seq, 4242, 700, 9) for seq in range(3)
    ]
    engine.dispose()
