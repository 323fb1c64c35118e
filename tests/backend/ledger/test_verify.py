"""The verifier names what was altered, whoever altered it."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import LargeBinary, text

from backend import db
from backend.ledger import log
from backend.ledger import tables as t
from backend.ledger.append_only import append_only_ddl
from backend.ledger.errors import LogMissing
from backend.ledger.holds import ExpireHolds
from backend.ledger.laws import LAWS
from backend.ledger.log import SignLog
from backend.ledger.resolve import Resolution, SetBudget
from backend.ledger.transfers import Code, Credit, Group, Hold, HoldTerms, Leg, Suspend
from backend.ledger.verify import LEDGER_TABLES, Report, by_sets, verify
from tests.backend.ledger.town import EPOCH, NOW_S, TOWN, Town, done, entry, pay
from tests.fixtures.databases import on_postgresql, on_sqlite

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def lived(town: Town) -> Town:
    """A town in which a little of everything has happened."""
    member, other = town.account(), town.account(high=1_000)
    done(town.poster.submit(SetBudget(NOW_S - 10, NOW_S + 1_000, 1_000, "council")))
    done(town.poster.submit(entry(1, Credit(member, 500), net_g=2_000, amount_per_kg=250)))
    done(town.poster.submit(entry(2, Suspend(100))))
    done(town.poster.submit(entry(3, Hold("new_epoch", amount=70))))
    done(town.poster.submit(Resolution(1, EPOCH, 2, member, "his card", "staff:1")))
    done(town.poster.submit(Resolution(1, EPOCH, 3, other, "swap", "staff:1")))
    done(town.poster.submit(entry(4, Credit(other, 900))))
    done(town.poster.submit(pay(member, other, 120, key="k")))
    done(town.poster.submit(entry(1, Credit(member, 1), words="other")))
    done(town.poster.submit(SignLog(KEY)))
    return town


def look(town: Town) -> Report:
    with db.read(town.engine) as conn:
        return verify(conn, TOWN)


def alter(town: Town, *statements: str) -> Report:
    """Changes rows behind the triggers' back, as a thief with the database's password would."""
    town.spoiled = True
    town.close()
    sqlite = town.engine.dialect.name == "sqlite"
    with db.begin(town.engine) as conn:
        if not sqlite:
            conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for name in t.APPEND_ONLY if sqlite else ():
            conn.exec_driver_sql(f"DROP TRIGGER {name}_no_update")
            conn.exec_driver_sql(f"DROP TRIGGER {name}_no_delete")
        for statement in statements:
            conn.execute(text(statement))
        for statement in append_only_ddl("sqlite", t.APPEND_ONLY) if sqlite else ():
            conn.exec_driver_sql(statement)
    return look(town)


def test_books_that_were_left_alone_fit(lived: Town) -> None:
    report = look(lived)

    assert report.problems == []
    assert (report.transfers, report.records, report.checkpoints) == (5, 4, 1)
    assert report.issued == {1: 670, 2: 0}


@pytest.mark.parametrize(
    ("statement", "invariant", "named"),
    [
        ("UPDATE transfer SET amount = 501 WHERE id = 1", "I6", "transfer_id 1"),
        ("UPDATE transfer SET amount = 501 WHERE id = 1", "I9", "spent 670"),
        ("UPDATE transfer SET amount = 501 WHERE id = 1", "I10", "5 transfers"),
        ("UPDATE transfer SET credit = 3 WHERE id = 1", "I6", "transfer_id 1"),
        ("UPDATE transfer SET amount = 601 WHERE id = 5", "I3", "transfer 5 leaves -1"),
        ("UPDATE transfer SET debit = 4711 WHERE id = 5", "I1", "transfer 5"),
        ("UPDATE transfer SET debit = 11 WHERE id = 5", "I1", "transfer 5 joins"),
        ("UPDATE transfer SET recorded_us = 5 WHERE id = 5", "I5", "transfer 5"),
        ("DELETE FROM transfer WHERE id = 4", "I5", "transfer 5 stands where 4"),
        ("DELETE FROM transfer WHERE id = 5", "I5", "next id is 6 after 4"),
        ("DELETE FROM transfer WHERE id = 5", "I10", "no prefix"),
        ("UPDATE transfer SET state = 2, pending_id = 1 WHERE id = 5", "I8", "id 5"),
        ("UPDATE transfer SET state = 1 WHERE id = 5", "I8", "id 5"),
        ("UPDATE transfer SET source_id = 9 WHERE id = 1", "I6", "id 1, source_id 9"),
        ("UPDATE transfer SET source_id = 9 WHERE id = 5", "I6", "source_id 9, epoch None"),
        ("UPDATE account_balance SET credits_posted = 9 WHERE account_id = 2", "I2", "account 2"),
        ("UPDATE record SET amount = 900 WHERE seq = 1", "I9", "seq 1, amount 900"),
        ("UPDATE record SET net_g = 4000 WHERE seq = 1", "I9", "seq 1"),
        ("UPDATE record SET jws = 'a.b.c' WHERE seq = 1", "I6", "seq 1"),
        ("UPDATE record SET outcome = 'credited' WHERE seq = 3", "I6", "seq 3"),
        ("UPDATE record SET transfer_id = NULL WHERE seq = 1", "I6", "seq 1"),
        ("UPDATE resolution SET amount = 99 WHERE seq = 2", "I6", "seq 2"),
        ("DELETE FROM resolution WHERE seq = 2", "I6", "id 3"),
        ("UPDATE record SET recorded_us = recorded_us + 9 WHERE seq = 1", "I6", "of its moment"),
        ("UPDATE record SET recorded_us = 2000000000000000 WHERE seq = 3", "I6", "before it came"),
        ("UPDATE record SET recorded_us = recorded_us - 9 WHERE seq = 4", "I9", "day and moment"),
        ("UPDATE resolution SET recorded_us = recorded_us + 9 WHERE seq = 2", "I6", "its moment"),
        ("UPDATE claim SET recorded_us = recorded_us - 9", "I9", "record's day and moment"),
        ("UPDATE quarantine SET recorded_us = 9", "I6", "came under a record's name before"),
        ("UPDATE checkpoint SET recorded_us = 9", "I10", "older than the last transfer"),
        ("UPDATE checkpoint SET note = note || 'x'", "I10", "other than signatures stands after"),
        ("UPDATE checkpoint SET note = note || '\n'", "I10", "other than signatures stands after"),
        ("UPDATE checkpoint SET note = note || '— w AA==\n'", "I10", "signature that is not ours"),
        ("UPDATE transfer SET amount = 990 WHERE id = 5", "I3", "above 1000"),
        (
            "UPDATE transfer SET credit = 1, amount = 900 WHERE id = 5",
            "I4",
            "more was retired than",
        ),
        ("UPDATE ledger_head SET clock_us = 5", "I5", "clock 5 is behind the last transfer"),
        ("DELETE FROM claim_open", "I9", "seq 4"),
        ("DELETE FROM claim_open; DELETE FROM claim", "I9", "seq 4"),
        ("UPDATE budget SET spent = 0", "I9", "spent 0"),
        ("UPDATE checkpoint SET size = 4", "I10", "checkpoint of 4"),
        ("UPDATE ledger_head SET next_id = 99", "I5", "99"),
        ("DELETE FROM account_balance WHERE account_id = 2", "I2", "no counters: account_id 2"),
        ("DELETE FROM account_terms WHERE account_id = 2", "I3", "no first terms: account_id 2"),
        ("UPDATE account_terms SET number = 7 WHERE account_id = 2", "I3", "account_id 2, number"),
        ("UPDATE resolution SET outcome = 'refused' WHERE seq = 2", "I6", "refusal pays somebody"),
        ("UPDATE claim SET effective_s = 5", "I9", "record's day"),
        ("DELETE FROM log_key", "I10", "the log's keys are gone"),
        ("UPDATE log_key SET number = 2", "I10", "the log's key 1 is gone"),
        ("UPDATE log_key SET public = substr(public, 2)", "I10", "the log's key 1 is no key"),
        ("UPDATE ledger_head SET clock_us = clock_us + 94608000000000", "I5", "1094 days ahead"),
        ("DELETE FROM quarantine; DELETE FROM record WHERE seq = 1", "I6", "transfer names a rec"),
        (
            "UPDATE transfer SET code = 12 WHERE id = 5",
            "I4",
            "shortfall account, or without a sale",
        ),
        ("UPDATE transfer SET debit = 1 WHERE id = 5", "I9", "issued without a record: id 5"),
        ("UPDATE transfer SET corrects_id = 1 WHERE id = 5", "I4", "go back the way of what it"),
        (f"INSERT INTO hold_open VALUES ({TOWN}, 5, 1, 2, 3, 9, 'void')", "I8", "transfer_id 5"),
        (
            "DROP INDEX uq_transfer_pending; UPDATE transfer SET state = 2, pending_id = 1 "
            "WHERE id > 3",
            "I8",
            "settled more than once: pending_id 1",
        ),
        (
            "UPDATE money_kind SET issued_by = 'nobody' WHERE code = 'waste_credit'; "
            "UPDATE transfer SET debit = 1 WHERE id = 5",
            "I4",
            "issued that nobody issues: id 5",
        ),
        ("UPDATE money_kind SET restricted = true WHERE code = 'hours'", "I4", "of money hours"),
        ("DELETE FROM money_kind WHERE code = 'mutual_credit'", "I4", "of money mutual_credit"),
    ],
)
def test_an_altered_row_is_named(lived: Town, statement: str, invariant: str, named: str) -> None:
    report = alter(lived, *statement.split("; "))

    assert not report.ok
    found = [p.words for p in report.problems if p.invariant == invariant]
    assert any(named in words for words in found), report.problems


@on_sqlite  # PostgreSQL keeps no such thing in a column of numbers
@pytest.mark.parametrize("value", ["'abc'", "1.5", "x'00'"])
@pytest.mark.parametrize("column", ["amount", "effective_s", "recorded_us"])
def test_what_is_no_number_is_named(lived: Town, column: str, value: str) -> None:
    report = alter(lived, f"UPDATE transfer SET {column} = {value} WHERE id = 3")

    assert "transfer 3 holds what is no whole number" in str(report.problems)
    assert f"transfer.{column} is no integer: ledger_id 7, id 3" in str(report.problems)


@on_sqlite
def test_a_cell_of_another_kind_is_named_in_every_column_and_ends_no_look(lived: Town) -> None:
    lived.spoiled = True
    lived.close()
    with lived.engine.connect() as conn:
        conn.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        conn.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for name in t.APPEND_ONLY:
            conn.exec_driver_sql(f"DROP TRIGGER {name}_no_update")
        for table in LEDGER_TABLES:
            key = ", ".join(column.name for column in table.primary_key)
            row = f"({key}) = (SELECT {key} FROM {table.name} LIMIT 1)"
            for column in table.c:
                kind = column.type
                other = "'x'" if isinstance(kind, LargeBinary) else "x'00'"
                if column.name == "ledger_id":
                    continue
                with conn.begin_nested() as back:
                    words = f"UPDATE {table.name} SET {column.name} = {other} WHERE {row}"
                    found = conn.exec_driver_sql(words).rowcount
                    named = [p.words for p in verify(conn, TOWN).problems if p.invariant == "cells"]
                    back.rollback()
                assert len(named) >= found, (table.name, column.name)
                assert not found or f"{table.name}.{column.name} is no " in str(named)


@on_postgresql  # SQLite asks for foreign keys behind the triggers' back too
@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM record WHERE seq = 1", "a quarantine is of no record"),
        ("DELETE FROM record WHERE seq = 3", "a resolution is of no record"),
        ("DELETE FROM record WHERE seq = 4", "a claim is of no record"),
        ("DELETE FROM currency WHERE id = 2", "account's currency is gone"),
        ("UPDATE account_terms SET account_id = 9 WHERE account_id = 2", "terms are of no account"),
        ("DELETE FROM log_origin", "a checkpoint is of a log that is gone: origin_no 1"),
        ("UPDATE log_origin SET number = 2", "the log before this one is gone: number 2"),
        ("UPDATE currency_kind SET kind = 'x' WHERE currency_id = 1", "of the kind 'x', which is"),
        ("DELETE FROM money_kind WHERE code = 'waste_credit'", "of the kind 'waste_credit'"),
    ],
)
def test_what_speaks_of_nothing_is_named(lived: Town, statement: str, named: str) -> None:
    assert named in str([each.words for each in alter(lived, statement).problems])


def test_a_lost_head_ends_no_look(lived: Town) -> None:
    report = alter(lived, "DELETE FROM ledger_head")

    assert "the ledger's head is gone" in str(report.problems)


def test_a_lost_log_ends_no_look(lived: Town) -> None:
    """SQLite asks for foreign keys behind the triggers' back too: checkpoints go first."""
    report = alter(lived, "DELETE FROM checkpoint", "DELETE FROM log_origin")

    assert [p.invariant for p in report.problems] == ["I10"]
    assert "holds its salt (log_origin) is gone" in report.problems[0].words
    with db.read(lived.engine) as conn, pytest.raises(LogMissing, match="farz restore"):
        log.origin(conn, TOWN)


@pytest.mark.parametrize(("gone", "later"), [(300, 400), (400, 500)])
def test_a_checkpoint_that_was_taken_out_is_missed_by_the_next(
    town: Town, gone: int, later: int
) -> None:
    member = town.account()
    for first in (0, 300, 400, 500):
        more = [entry(n, Credit(member, 1)) for n in range(first, first + (100 if first else 300))]
        done(town.poster.submit_all(more))
        done(town.poster.submit(SignLog(KEY)))
    assert look(town).checkpoints == 4

    report = alter(town, f"DELETE FROM checkpoint WHERE size = {gone}")

    words = f"the checkpoint of {later} transfers follows one of {gone}, which is gone"
    assert [p.words for p in report.problems] == [words]


@on_postgresql  # SQLite asks for foreign keys behind the triggers' back too
def test_terms_of_a_lost_account_are_named(lived: Town) -> None:
    report = alter(lived, "DELETE FROM account WHERE id = 11")

    assert "terms are of no account" in str(report.problems)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM hold_terms WHERE transfer_id = 2", "on none: id 2"),
        ("UPDATE hold_terms SET on_expiry = 'post' WHERE transfer_id = 2", "other terms"),
        ("UPDATE hold_open SET expires_s = expires_s + 9", "other terms"),
        ("UPDATE hold_terms SET on_expiry = 'void' WHERE transfer_id = 3", "pending_id 3"),
        ("UPDATE transfer SET amount = 19 WHERE pending_id = 3", "pending_id 3"),
    ],
)
def test_an_altered_hold_is_named(town: Town, statement: str, named: str) -> None:
    payer, payee = town.account(funds=100), town.account()
    for seconds, amount, end in ((900, 10, "void"), (9, 20, "post")):
        leg = Leg(payer, payee, amount, Code.PAY, hold=HoldTerms(NOW_S + seconds, end))
        done(town.poster.submit(Group((leg,), NOW_S)))
    town.clock.now_us += 10_000_000
    assert done(town.poster.submit(ExpireHolds())) == 1
    assert look(town).ok

    report = alter(town, statement)

    assert any(p.invariant == "I8" and named in p.words for p in report.problems), report.problems


def test_a_table_whose_trigger_is_gone_is_named(lived: Town) -> None:
    lived.spoiled = True
    gone = "transfer_no_update" if lived.engine.dialect.name == "sqlite" else "transfer_append_only"
    on = "" if lived.engine.dialect.name == "sqlite" else " ON transfer"
    with db.begin(lived.engine) as conn:
        conn.exec_driver_sql(f"DROP TRIGGER {gone}{on}")

    assert [p.invariant for p in look(lived).problems] == ["I7"]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE log_tile SET hashes = root", "tile 0/0 is not made of its transfers"),
        ("UPDATE log_tile SET root = x.hash FROM transfer x WHERE x.id = 7", "tile 0/0 is not"),
        ("DELETE FROM log_tile", "lacks tile 0/0"),
        ("UPDATE log_tile SET n = 5", "tile 0/5 out of place"),
    ],
)
def test_an_altered_tile_is_named(town: Town, statement: str, named: str) -> None:
    member = town.account()
    done(town.poster.submit_all([entry(n, Credit(member, 1)) for n in range(300)]))

    report = alter(town, statement)

    assert any(p.invariant == "I10" and named in p.words for p in report.problems)


def test_no_law_compares_every_record_with_every_transfer(postgres_url: str) -> None:
    """PostgreSQL knows nothing of tables that were filled just now: its plan must not matter."""
    records = 1_000
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    member = town.account()
    done(town.poster.submit_all([entry(seq, Credit(member, 1)) for seq in range(records)]))
    town.close()

    with db.read(town.engine) as conn, by_sets(conn):
        for law in LAWS:
            plan = conn.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {law.query}"), {"l": TOWN})
            assert _looked_at(plan.scalar_one()[0]["Plan"]) < 20 * records, law.words
    town.engine.dispose()


def _looked_at(node: dict[str, Any]) -> float:
    """The rows that a plan's nodes gave each other."""
    own = node["Actual Rows"] * node["Actual Loops"]
    return float(own + sum(_looked_at(child) for child in node.get("Plans", ())))
