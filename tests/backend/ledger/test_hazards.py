"""The hazards that the design answers: several writers, the order of commits, lost answers."""

import os
import socket
import threading
import time
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    event,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import OperationalError

from backend import db
from backend.ledger import errors, rules, verify
from backend.ledger import tables as t
from backend.ledger.copying import Copying
from backend.ledger.poster import Poster
from backend.ledger.resolve import Amend
from backend.ledger.rules import AllowSpending, NameMerchant, OpenCurrency
from backend.ledger.transfers import Code, Credit, Group, Leg
from tests.backend.ledger.town import TOWN, WAIT_S, Clock, Town, done, entry, pay, settled


def test_after_the_lock_a_poster_sees_what_its_last_holder_committed(postgres_url: str) -> None:
    """At REPEATABLE READ the snapshot would be older than the lock: the credit spent twice."""
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    payer, one, other = town.account(funds=1), town.account(), town.account()
    done(town.poster.submit(pay(payer, one, 1)))
    done(town.poster.submit(pay(one, payer, 1)))
    second = Poster(engine, TOWN, town.clock)
    second.start()

    with db.begin(engine) as conn:
        head = conn.execute(select(t.ledger_head).with_for_update()).one()
        futures = [town.poster.submit(pay(payer, one, 1)), second.submit(pay(payer, other, 1))]
        _until_waiting(conn, 2)
        # The lock's holder moves the head on, as another process's poster does.
        conn.execute(update(t.ledger_head).values(clock_us=head.clock_us + 5))
    answers = settled(futures)

    assert sum(isinstance(a, errors.InsufficientFunds) for a in answers) == 1
    assert town.balance(one) + town.balance(other) == 1
    town.close()
    second.close()
    engine.dispose()


def _until_waiting(conn: Connection, sessions: int, asked: str = "ledger_head") -> None:
    """Polls the server until so many of its sessions wait, for the head row as a rule."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        waiting = conn.exec_driver_sql(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            f"AND datname = current_database() AND query LIKE '%%{asked}%%'"
        ).scalar_one()
        conn.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        if waiting == sessions:
            return
    raise AssertionError("the posters never waited for the lock")


def test_ids_are_in_commit_order_so_that_a_watermark_skips_nothing(postgres_url: str) -> None:
    """Many posters, and a reader that remembers the highest id: it must never meet a lower one."""
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    member = town.account()
    posters = [Poster(engine, TOWN, town.clock) for _ in range(3)]
    for poster in posters:
        poster.start()
    seen: list[int] = []
    finished = threading.Event()

    def watch() -> None:
        while True:
            last_look = finished.is_set()
            with db.read(engine) as conn:
                mark = seen[-1] if seen else 0
                seen.extend(
                    conn.scalars(
                        select(t.transfer.c.id)
                        .where(t.transfer.c.id > mark)
                        .order_by(t.transfer.c.id)
                    )
                )
            if last_look:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    futures = [
        poster.submit(entry(n, Credit(member, 1), source_id=source))
        for n in range(200)
        for source, poster in enumerate(posters)
    ]
    settled(futures)
    finished.set()
    watcher.join()

    assert seen == list(range(1, 601))
    for poster in [town.poster, *posters]:
        poster.close()
    with db.read(engine) as conn:
        assert verify.verify(conn, TOWN).ok
    engine.dispose()


def test_one_record_through_two_posters_credits_once(postgres_url: str) -> None:
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    member = town.account()
    second = Poster(engine, TOWN, town.clock)
    second.start()

    futures = [
        poster.submit(entry(n, Credit(member, 1)))
        for n in range(200)
        for poster in (town.poster, second)
    ]
    answers = [done(future) for future in futures]

    assert sum(not answer.known for answer in answers) == 200
    assert town.balance(member) == 200
    town.close()
    second.close()
    engine.dispose()


def test_a_payment_by_another_poster_with_the_same_key_is_replayed(postgres_url: str) -> None:
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    payer, payee = town.account(funds=100), town.account()
    second = Poster(engine, TOWN, town.clock)
    second.start()

    futures = [p.submit(pay(payer, payee, 10, key="k")) for p in (town.poster, second)]
    answers = [done(future) for future in futures]

    assert sorted(a.replayed for a in answers) == [False, True]
    assert answers[0].transfer_ids == answers[1].transfer_ids
    assert town.balance(payee) == 10
    town.close()
    second.close()
    engine.dispose()


def test_new_terms_from_another_process_are_obeyed_at_once(postgres_url: str) -> None:
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    payer, payee = town.account(funds=100), town.account()
    done(town.poster.submit(pay(payer, payee, 10)))
    second = Poster(engine, TOWN, town.clock)
    second.start()
    done(second.submit(Amend(payer, 0, None, closed=True)))

    answer = settled([town.poster.submit(pay(payer, payee, 10))])[0]

    assert isinstance(answer, errors.AccountClosed)
    town.close()
    second.close()
    engine.dispose()


def test_new_rules_from_another_process_are_obeyed_at_once(postgres_url: str) -> None:
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    second = Poster(engine, TOWN, town.clock)
    second.start()
    aid = done(town.poster.submit(OpenCurrency("aid", 0, "restricted_aid", "staff:1")))
    with db.read(engine) as conn:
        issuer = rules.load(conn, TOWN).money[aid].issuer
    member, grocer = town.account(currency=aid), town.account(currency=aid)
    gives = Group((Leg(issuer, member, 9, Code.ISSUE),), town.clock.now_us // 1_000_000)
    done(second.submit(gives))
    refused = settled([second.submit(pay(member, grocer, 1))])[0]
    until_s = town.clock.now_us // 1_000_000 + 1_000

    done(town.poster.submit(AllowSpending(aid, "grocer", until_s, "staff:1")))
    done(town.poster.submit(NameMerchant(grocer, "grocer", "staff:1")))
    done(second.submit(pay(member, grocer, 1)))
    done(town.poster.submit(pay(member, grocer, 1)))
    done(second.submit(NameMerchant(grocer, "", "staff:1")))
    late = settled([town.poster.submit(pay(member, grocer, 1))])[0]

    assert isinstance(refused, errors.NotSpendable)
    assert isinstance(late, errors.NotSpendable)
    assert town.balance(grocer) == 2
    with db.read(engine) as conn:
        assert verify.verify(conn, TOWN).ok
    town.close()
    second.close()
    engine.dispose()


def test_a_commit_whose_answer_is_lost_is_not_booked_twice(town: Town) -> None:
    """The commit arrives, its answer does not: the caller repeats, the books know the record."""
    member = town.account()
    dropped: list[bool] = []

    def lose_the_answer(conn: Connection) -> None:
        if not dropped:
            dropped.append(True)
            conn.connection.driver_connection.commit()  # type: ignore[union-attr]
            raise OperationalError("COMMIT", {}, _Lost())

    class _Lost(town.engine.dialect.loaded_dbapi.OperationalError):  # type: ignore[name-defined,misc]
        """The line went dead."""

    event.listen(town.engine, "commit", lose_the_answer)
    first = settled([town.poster.submit(entry(1, Credit(member, 5)))])[0]
    again = done(town.poster.submit(entry(1, Credit(member, 5))))

    assert isinstance(first, errors.BooksUnavailable)
    assert (again.outcome, again.known) == ("credited", True)
    assert town.balance(member) == 5


def test_a_restart_goes_on_where_the_books_are(town: Town) -> None:
    member = town.account(funds=5)
    town.poster.close()

    again = Poster(town.engine, TOWN, town.clock)
    again.start()
    outcome = done(again.submit(entry(1, Credit(member, 7))))
    again.close()

    assert outcome.transfer_id == 2
    assert town.balance(member) == 12


def test_the_clock_of_the_books_never_runs_back_over_a_restart(town: Town) -> None:
    member = town.account(funds=5)
    town.poster.close()
    late = Clock(town.clock.now_us // 1_000_000 - 200)

    again = Poster(town.engine, TOWN, late)
    again.start()
    done(again.submit(entry(1, Credit(member, 7))))
    again.close()

    with db.read(town.engine) as conn:
        times = list(conn.scalars(select(t.transfer.c.recorded_us).order_by(t.transfer.c.id)))
    assert times == sorted(set(times))


def test_a_full_disk_fails_the_batch_whole_and_service_resumes(sqlite_url: str) -> None:
    engine = db.create_engine(sqlite_url)
    t.metadata.create_all(engine)
    pages, begun = {"most": 2**30}, [0]

    @event.listens_for(engine, "begin")
    def bound(conn: Connection) -> None:
        begun[0] += 1
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages['most']}")

    town = Town(engine)
    member = town.account()
    # SQLite lowers the bound to the file's own size at most: no page is left.
    pages["most"] = 1
    fat = [entry(n, Credit(member, 1), words="x" * 20_000) for n in range(50)]
    begun[0] = 0
    answers = done(town.poster.submit_all(fat))
    assert begun[0] < 5  # where the disk is full, none is tried alone in vain
    pages["most"] = 2**30
    after = done(town.poster.submit_all(fat))

    assert all(isinstance(answer, errors.BooksUnavailable) for answer in answers)
    assert {(answer.outcome, answer.known) for answer in after} == {("credited", False)}
    assert town.balance(member) == 50
    town.close()
    engine.dispose()


def test_a_lost_connection_is_made_again(postgres_url: str) -> None:
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    member = town.account(funds=1)

    with db.begin(engine) as conn:
        conn.execute(select(t.ledger_head).with_for_update())
        future = town.poster.submit(entry(1, Credit(member, 5)))
        _until_waiting(conn, 1)
        conn.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    answer = settled([future])[0]
    again = done(town.poster.submit(entry(1, Credit(member, 5))))

    assert isinstance(answer, errors.BooksUnavailable)
    assert (again.outcome, again.known) == ("credited", False)
    town.close()
    engine.dispose()


def test_a_connection_that_is_lost_while_rows_are_inserted_is_an_outage(postgres_url: str) -> None:
    """Else every request of the batch would be tried alone, in vain."""
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(False)
    with closing(psycopg.connect(plain)) as conn:
        lines = Table("lines", MetaData(), Column("n", Integer))
        conn.execute("CREATE TABLE lines (n int)")
        conn.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$"
        )
        conn.execute("CREATE TRIGGER dawdle AFTER INSERT ON lines EXECUTE FUNCTION dawdle()")
        copying = Copying(conn)
        copying.insert(lines, [(1,)])
        with socket.socket(fileno=os.dup(conn.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)

        with pytest.raises(psycopg.OperationalError):
            copying.finish()


def test_a_row_that_waits_at_the_server_stops_no_other_thread(postgres_url: str) -> None:
    """Else nobody is there to end what it waits for."""
    engine = db.create_engine(postgres_url)
    t.metadata.create_all(engine)
    town = Town(engine)
    member = town.account(funds=1)
    taken = select(t.transfer).where(t.transfer.c.ledger_id == TOWN, t.transfer.c.id == 1)

    with engine.connect() as conn:
        row = conn.execute(taken).one()._asdict() | {"id": 2, "seq": 4711}
        conn.execute(t.transfer.insert().values(row))
        future = town.poster.submit(entry(1, Credit(member, 5)))
        _until_waiting(conn, 1, "COPY")
        conn.rollback()

    assert done(future).outcome == "credited"
    town.close()
    engine.dispose()
