"""Laws of the poster, on both engines: exactly once, whole groups, and no poisoned neighbours."""

import threading
from dataclasses import replace
from itertools import pairwise

import pytest
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    func,
    select,
    text,
)

from backend import db
from backend.ledger import accounts, errors
from backend.ledger import tables as t
from backend.ledger.holds import SettleAll
from backend.ledger.poster import Limits, Poster
from backend.ledger.transfers import (
    Code,
    Credit,
    Group,
    Hold,
    HoldTerms,
    Idempotency,
    Leg,
    Note,
    Suspend,
)
from backend.ledger.verify import verify
from farz.drills.failpoints import install
from tests.backend.ledger.town import NOW_S, TOWN, Clock, Town, done, entry, pay, settled


def test_same_record_twice_credits_once(town: Town) -> None:
    member = town.account()

    first = done(town.poster.submit(entry(1, Credit(member, 250))))
    again = done(town.poster.submit(entry(1, Credit(member, 250))))

    assert (first.outcome, first.amount, first.known) == ("credited", 250, False)
    assert (again.outcome, again.amount, again.known) == ("credited", 250, True)
    assert again.transfer_id == first.transfer_id
    assert town.balance(member) == 250


def test_same_record_twice_in_one_batch_credits_once(town: Town) -> None:
    member = town.account()

    answers = done(town.poster.submit_all([entry(1, Credit(member, 250))] * 3))

    assert [a.known for a in answers] == [False, True, True]
    assert len({a.transfer_id for a in answers}) == 1
    assert town.balance(member) == 250


def test_a_known_record_keeps_its_outcome_whatever_is_wanted_now(town: Town) -> None:
    member = town.account()

    done(town.poster.submit(entry(1, Hold("new_epoch", account_id=member, amount=250))))
    again = done(town.poster.submit(entry(1, Credit(member, 250))))

    assert (again.outcome, again.reason, again.known) == ("held", "new_epoch", True)
    assert town.balance(member) == 0


def test_same_name_other_bytes_is_quarantined_and_pays_nothing(town: Town) -> None:
    member = town.account()
    first = entry(1, Credit(member, 250))
    other = entry(1, Credit(member, 999), words="heavier")

    done(town.poster.submit(first))
    answers = [done(town.poster.submit(other)) for _ in range(2)]
    original = done(town.poster.submit(first))

    assert {a.outcome for a in answers} == {"quarantined"}
    assert [a.known for a in answers] == [False, True]
    assert (original.outcome, original.amount) == ("credited", 250)
    assert town.balance(member) == 250
    with db.read(town.engine) as conn:
        kept = conn.execute(select(t.quarantine)).all()
    assert [bytes(row.jws) for row in kept] == [other.jws]


def test_same_name_other_bytes_in_one_batch_is_quarantined(town: Town) -> None:
    member = town.account()

    answers = done(
        town.poster.submit_all(
            [entry(1, Credit(member, 250)), entry(1, Credit(member, 999), words="heavier")]
        )
    )

    assert [a.outcome for a in answers] == ["credited", "quarantined"]
    assert town.balance(member) == 250


def test_epochs_above_63_bits_keep_their_names(town: Town) -> None:
    member = town.account()
    top = entry(1, Credit(member, 5), epoch=2**64 - 1)

    done(town.poster.submit(top))
    again = done(town.poster.submit(top))

    assert again.known
    with db.read(town.engine) as conn:
        assert conn.scalar(select(t.record.c.epoch)) == 2**64 - 1
        assert conn.scalar(select(t.transfer.c.epoch)) == 2**64 - 1


def test_an_unknown_card_credits_suspense(town: Town) -> None:
    outcome = done(town.poster.submit(entry(1, Suspend(250))))

    assert (outcome.outcome, outcome.reason) == ("suspended", "unknown_card")
    assert town.balance(accounts.SUSPENSE) == 250


def test_waste_for_an_account_that_is_none_is_suspended_not_lost(town: Town) -> None:
    outcome = done(town.poster.submit(entry(1, Credit(123_456, 250))))

    assert (outcome.outcome, outcome.reason) == ("suspended", "unknown_account")
    assert town.balance(accounts.SUSPENSE) == 250


def test_waste_above_an_accounts_maximum_is_held(town: Town) -> None:
    member = town.account(high=300)

    outcomes = [done(town.poster.submit(entry(n, Credit(member, 200)))) for n in (1, 2)]

    assert [(o.outcome, o.reason) for o in outcomes] == [("credited", ""), ("held", "over_maximum")]
    assert town.balance(member) == 200


def test_a_record_without_money_is_noted(town: Town) -> None:
    outcome = done(town.poster.submit(entry(1, Note())))

    assert (outcome.outcome, outcome.amount, outcome.transfer_id) == ("noted", 0, None)


def test_waste_too_light_for_a_credit_is_credited_with_nothing(town: Town) -> None:
    member = town.account()

    outcome = done(town.poster.submit(entry(1, Credit(member, 0))))

    assert (outcome.outcome, outcome.amount, outcome.transfer_id) == ("credited", 0, None)


def test_a_payment_moves_money(town: Town) -> None:
    payer, payee = town.account(funds=500), town.account()

    posted = done(town.poster.submit(pay(payer, payee, 200)))

    assert len(posted.transfer_ids) == 1
    assert posted.group_id == posted.transfer_ids[0]
    assert (town.balance(payer), town.balance(payee)) == (300, 200)


def test_a_group_is_booked_whole_or_not_at_all(town: Town) -> None:
    payer, payee, poor = town.account(funds=500), town.account(), town.account()
    group = Group(
        (Leg(payer, payee, 100, Code.PAY), Leg(poor, payee, 1, Code.PAY)), effective_s=NOW_S
    )

    with pytest.raises(errors.InsufficientFunds):
        done(town.poster.submit(group))

    assert (town.balance(payer), town.balance(payee)) == (500, 0)


def test_a_leg_may_spend_what_an_earlier_leg_brought(town: Town) -> None:
    rich, middle, payee = town.account(funds=100), town.account(), town.account()
    group = Group(
        (Leg(rich, middle, 100, Code.PAY), Leg(middle, payee, 100, Code.PAY)), effective_s=NOW_S
    )

    done(town.poster.submit(group))

    assert [town.balance(a) for a in (rich, middle, payee)] == [0, 0, 100]


@pytest.mark.parametrize(
    ("leg", "error"),
    [
        ((0, 1, 0), errors.BadAmount),
        ((0, 1, -5), errors.BadAmount),
        ((0, 1, 2**53), errors.BadAmount),
        ((0, 1, True), errors.BadAmount),
        ((0, 0, 5), errors.BadGroup),
        ((0, 2, 5), errors.CurrencyMismatch),
        ((0, 3, 5), errors.UnknownAccount),
        ((0, 1, 501), errors.InsufficientFunds),
        ((0, 4, 101), errors.OverMaximum),
    ],
)
def test_a_leg_that_breaks_a_rule_is_refused(
    town: Town, leg: tuple[int, int, int], error: type[errors.LedgerError]
) -> None:
    who = [
        town.account(funds=500),
        town.account(),
        town.account(currency=accounts.COMPOST),
        999,
        town.account(high=100),
    ]

    with pytest.raises(error):
        done(town.poster.submit(pay(who[leg[0]], who[leg[1]], leg[2])))

    assert town.balance(who[0]) == 500


def test_an_account_of_another_town_is_unknown(engine: Engine) -> None:
    town = Town(engine)
    with db.begin(engine) as conn:
        accounts.open_ledger(conn, TOWN + 1, town.clock())
        stranger = accounts.open_account(conn, TOWN + 1, accounts.CREDIT, None)
    member = town.account(funds=10)

    with pytest.raises(errors.UnknownAccount):
        done(town.poster.submit(pay(member, stranger, 1)))
    town.close()


def test_two_groups_racing_for_the_last_credit_one_wins(town: Town) -> None:
    payer, payees = town.account(funds=1), [town.account() for _ in range(8)]
    together = threading.Barrier(len(payees))
    answers: list[object] = []

    def try_to_pay(payee: int) -> None:
        together.wait()
        answers.extend(settled([town.poster.submit(pay(payer, payee, 1))]))

    threads = [threading.Thread(target=try_to_pay, args=(payee,)) for payee in payees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    refused = [a for a in answers if isinstance(a, errors.InsufficientFunds)]
    assert len(refused) == len(payees) - 1
    assert sorted(town.balance(p) for p in payees) == [0] * 7 + [1]
    assert town.balance(payer) == 0


def test_not_more_compost_than_stock_not_more_credit_than_balance(town: Town) -> None:
    member = town.account(funds=1_000)
    receive = Leg(accounts.STOCK_SOURCE, accounts.STOCK, 5_000, Code.RECEIVE_STOCK)
    done(town.poster.submit(Group((receive,), NOW_S)))

    def redeem(credits: int, grams: int) -> Group:
        return Group(
            (
                Leg(member, accounts.REDEEMED, credits, Code.REDEEM),
                Leg(accounts.STOCK, accounts.HANDED_OUT, grams, Code.HAND_OVER),
            ),
            NOW_S,
        )

    answers = settled([town.poster.submit(redeem(600, 3_000)) for _ in range(2)])
    short_of_stock = settled([town.poster.submit(redeem(100, 2_001))])[0]

    assert [type(a).__name__ for a in answers] == ["Posted", "InsufficientFunds"]
    assert isinstance(short_of_stock, errors.InsufficientFunds)
    assert (town.balance(member), town.balance(accounts.STOCK)) == (400, 2_000)


def test_concurrent_submitters_lose_and_double_nothing(town: Town) -> None:
    member = town.account()
    answers: list[object] = []

    def send(source_id: int) -> None:
        # Every record is sent twice, by two threads, in opposite orders.
        numbers = range(50) if source_id % 2 else reversed(range(50))
        futures = [
            town.poster.submit(entry(n, Credit(member, 1), source_id=source_id // 2))
            for n in numbers
        ]
        answers.extend(settled(futures))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(not a.known for a in answers) == 200  # type: ignore[attr-defined]
    assert town.balance(member) == 200


def test_a_request_that_cannot_be_written_fails_alone(town: Town) -> None:
    """What the batch had decided before it failed is forgotten: all of the money is there again."""
    payer, payee = town.account(funds=100), town.account()
    too_wide = entry(1, Credit(payee, 5), point_id=2**70)
    half = pay(payer, payee, 50)

    answers = done(town.poster.submit_all([half, too_wide, half]))

    assert [isinstance(each, Exception) for each in answers] == [False, True, False]
    assert town.balance(payee) == 100


def test_a_row_that_the_database_refuses_fails_alone_in_a_batch_of_many(town: Town) -> None:
    """Rows are on their way to the server while the later ones are decided: nothing of it shows."""
    member = town.account()
    requests = [entry(seq, Credit(member, 1)) for seq in range(600)]
    requests[300] = replace(requests[300], kind=None)  # type: ignore[arg-type]

    answers = done(town.poster.submit_all(requests))

    assert [n for n, each in enumerate(answers) if isinstance(each, Exception)] == [300]
    assert isinstance(answers[300], errors.RowRefused)
    assert town.balance(member) == 599


receipt = Table(
    "receipt",
    MetaData(),
    Column("ledger_id", Integer, nullable=False),
    Column("number", String(10), primary_key=True),
    Column("group_id", Integer, nullable=False),
    UniqueConstraint("number"),
)


def test_a_groups_rows_are_written_with_its_legs_or_not_at_all(town: Town) -> None:
    receipt.create(town.engine)
    payer, payee = town.account(funds=100), town.account()
    leg = (Leg(payer, payee, 10, Code.PAY),)
    first = Group(leg, NOW_S, rows=((receipt, {"number": "A1"}),))
    same_number = Group(leg, NOW_S, rows=((receipt, {"number": "A1"}),))

    answers = settled([town.poster.submit(first), town.poster.submit(same_number)])

    assert isinstance(answers[1], errors.RowRefused)
    assert town.balance(payee) == 10
    with db.read(town.engine) as conn:
        rows = conn.execute(select(receipt)).all()
    assert [row.group_id for row in rows] == [answers[0].group_id]  # type: ignore[union-attr]


def test_same_idempotency_key_is_replayed_with_its_rows(town: Town) -> None:
    receipt.create(town.engine)
    payer, payee = town.account(funds=100), town.account()
    plain = pay(payer, payee, 10, key="k1")
    group = Group(plain.legs, NOW_S, plain.idempotency, ((receipt, {"number": "A1"}),))

    first = done(town.poster.submit(group))
    again = done(town.poster.submit(group))

    assert (first.replayed, again.replayed) == (False, True)
    assert again.transfer_ids == first.transfer_ids
    assert (again.recorded_us, again.rows) == (first.recorded_us, first.rows)
    assert town.balance(payee) == 10


def test_rows_are_written_with_the_holds_they_settle_and_replayed_with_them(town: Town) -> None:
    receipt.create(town.engine)
    payer, payee = town.account(funds=100), town.account()
    legs = (Leg(payer, payee, 10, Code.PAY, hold=HoldTerms(NOW_S + 60, "void")),)
    held = done(town.poster.submit(Group(legs, NOW_S)))
    key = Idempotency("client", "settle", b"f" * 32)
    asked = SettleAll(held.transfer_ids, idempotency=key, rows=((receipt, {"number": "A1"}),))

    first, again = done(town.poster.submit(asked)), done(town.poster.submit(asked))

    with db.read(town.engine) as conn:
        rows = [dict(row._mapping) for row in conn.execute(select(receipt))]
    assert rows == [{"ledger_id": TOWN, "number": "A1", "group_id": first.group_id}]
    assert list(first.rows) == list(again.rows) == rows
    assert (first.replayed, again.replayed) == (False, True)


def test_same_idempotency_key_for_another_payment_is_refused(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()

    done(town.poster.submit(pay(payer, payee, 10, key="k1")))
    with pytest.raises(errors.KeyReused):
        done(town.poster.submit(pay(payer, payee, 11, key="k1")))

    assert town.balance(payee) == 10


def test_same_idempotency_key_at_the_same_time_is_in_progress(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    with db.begin(town.engine) as conn:
        # The lock is ours: the first payment waits for it.
        conn.execute(select(t.ledger_head).with_for_update())
        first = town.poster.submit(pay(payer, payee, 10, key="k1"))
        with pytest.raises(errors.InProgress):
            town.poster.submit(pay(payer, payee, 10, key="k1"))

    done(first)
    assert town.balance(payee) == 10


def test_a_full_queue_is_said_at_once_and_recovers(engine: Engine) -> None:
    town = Town(engine, Limits(queue=2, batch=1))
    member = town.account()
    with db.begin(engine) as conn:
        conn.execute(select(t.ledger_head).with_for_update())
        # One is taken out of the queue and waits for our lock; two may wait behind it.
        waiting = [town.poster.submit(entry(n, Credit(member, 1))) for n in range(2)]
        with pytest.raises(errors.BooksBusy) as busy:
            town.poster.submit_all([entry(n, Credit(member, 1)) for n in range(5, 8)])
    assert busy.value.retry_after_s >= 1

    assert all(done(f).outcome == "credited" for f in waiting)
    done(town.poster.submit(entry(9, Credit(member, 1))))
    assert town.balance(member) == len(waiting) + 1
    town.close()


def test_closing_books_what_waits_and_takes_no_more(engine: Engine) -> None:
    town = Town(engine)
    member = town.account()
    futures = [town.poster.submit(entry(n, Credit(member, 1))) for n in range(100)]

    town.close()

    assert all(f.done() for f in futures)
    assert town.balance(member) == 100
    with pytest.raises(errors.BooksClosed):
        town.poster.submit(entry(200, Credit(member, 1)))


@pytest.mark.parametrize("leap_s", [91 * 86_400, -301])
def test_a_clock_that_leaps_is_refused_not_recorded(town: Town, leap_s: int) -> None:
    member = town.account(funds=1)
    town.clock.now_us += leap_s * 1_000_000

    with pytest.raises(errors.ClockLeap):
        done(town.poster.submit(entry(1, Credit(member, 1))))
    town.clock.now_us -= leap_s * 1_000_000

    assert done(town.poster.submit(entry(1, Credit(member, 1)))).outcome == "credited"


@pytest.mark.parametrize("step_s", [700, -200, -700])
def test_a_clock_that_is_set_while_the_books_are_open_is_held_against_a_steady_one(
    engine: Engine, step_s: int
) -> None:
    town = Town(engine)
    member = town.account()
    town.close()
    steady = Clock(77)
    town.poster = Poster(engine, TOWN, town.clock, steady_us=steady)
    town.poster.start()
    for clock in (town.clock, steady):
        clock.now_us += 3 * 86_400 * 1_000_000  # the town slept, and both clocks know it
    assert done(town.poster.submit(entry(1, Credit(member, 1)))).outcome == "credited"
    town.clock.now_us += step_s * 1_000_000

    answer = settled([town.poster.submit(entry(2, Credit(member, 1)))])[0]

    assert isinstance(answer, errors.ClockLeap) == (abs(step_s) > 600)
    town.restart()
    town.clock.now_us += 400 * 1_000_000
    assert done(town.poster.submit(entry(2, Credit(member, 1)))).outcome == "credited"
    town.close()


def test_recorded_time_is_strict_though_the_clock_stands_still(town: Town) -> None:
    member = town.account()
    town.clock.now_us -= 200 * 1_000_000

    town.poster.submit_all([entry(n, Credit(member, 1)) for n in range(50)])
    done(town.poster.submit(entry(51, Credit(member, 1))))

    with db.read(town.engine) as conn:
        rows = conn.execute(
            select(t.transfer.c.id, t.transfer.c.recorded_us).order_by(t.transfer.c.id)
        ).all()
    assert [row.id for row in rows] == list(range(1, 52))
    assert all(a.recorded_us < b.recorded_us for a, b in pairwise(rows))


def test_a_failing_database_fails_the_batch_whole_and_service_resumes(town: Town) -> None:
    member = town.account()
    town.spoiled = True  # renaming a table and back spells its triggers in another way
    with db.begin(town.engine) as conn:
        conn.execute(text("ALTER TABLE record RENAME TO record_away"))
    answers = done(town.poster.submit_all([entry(n, Credit(member, 1)) for n in range(5)]))
    with db.begin(town.engine) as conn:
        conn.execute(text("ALTER TABLE record_away RENAME TO record"))

    assert all(isinstance(a, errors.BooksUnavailable) for a in answers)
    assert town.balance(member) == 0
    assert done(town.poster.submit(entry(1, Credit(member, 1)))).outcome == "credited"


def test_a_ledger_that_was_never_opened_says_so(engine: Engine) -> None:
    poster = Poster(engine, TOWN, lambda: NOW_S * 1_000_000)
    poster.start()

    with pytest.raises(errors.UnknownAccount, match="not been opened"):
        done(poster.submit(entry(1, Note())))
    poster.close()


def test_long_tails_are_folded_and_balances_stay_the_same(engine: Engine) -> None:
    town = Town(engine, Limits(tail=8, issuer_tail=16))
    member, payee = town.account(), town.account()
    for number in range(60):
        done(town.poster.submit(entry(number, Credit(member, 3))))
        done(town.poster.submit(pay(member, payee, 1)))
    town.close()

    with db.read(engine) as conn:
        folded = {row.account_id: row.folded_id for row in conn.execute(select(t.account_balance))}
        total = conn.scalar(select(func.count()).select_from(t.transfer))
    assert total == 120
    assert all(folded[a] > 80 for a in (member, payee, accounts.ISSUER))
    assert (town.balance(member), town.balance(payee)) == (120, 60)
    assert town.balance(accounts.ISSUER) == -180


def test_a_deposit_touches_no_row_of_its_issuer(town: Town) -> None:
    """A hot row would be written by every batch that mints; here it is summed from the tail."""
    member, counters = town.account(), t.account_balance.c

    for seq in range(20):
        done(town.poster.submit(entry(seq, Credit(member, 1))))
    town.poster.rest()

    with db.read(town.engine) as conn:
        kept = select(counters.debits_posted, counters.folded_id)
        issuer = conn.execute(kept.where(counters.account_id == accounts.ISSUER)).one()
    assert tuple(issuer) == (0, 0)
    assert town.balance(accounts.ISSUER) == -20


def test_a_batch_that_fails_at_any_statement_leaves_nothing(engine: Engine) -> None:
    """Between every two statements of the poster: what is there is whole, or it is not there."""
    failpoint = install(engine, f"poster-{TOWN}")
    town = Town(engine)
    payer, payee = town.account(funds=100), town.account()

    for place in range(1, 99):
        failpoint.arm(place, "before", "error")
        asked = [entry(place, Credit(payer, 1)), pay(payer, payee, 1, key=f"k{place}")]
        answers = done(town.poster.submit_all(asked))
        failpoint.disarm()
        with db.read(engine) as conn:
            assert verify(conn, TOWN).problems == [], place
        if not any(isinstance(each, Exception) for each in answers):
            break
        assert town.balance(payee) == 0

    assert 5 < place < 98
    assert town.balance(payee) == 1
    town.close()
