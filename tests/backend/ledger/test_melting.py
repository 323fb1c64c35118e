"""Credit that melts by rule: how much, of whom, when, and once."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select, text

from backend import db
from backend.ledger import accounts, balances, errors, melting, totals
from backend.ledger import rule_tables as r
from backend.ledger.accounts import CREDIT, ISSUER
from backend.ledger.balances import Line
from backend.ledger.holds import Void
from backend.ledger.melt_forecast import forecast
from backend.ledger.melt_terms import DAY_S, DEMURRAGE, EXPIRY, NO_MELTING, Melting
from backend.ledger.melting import Melt, Melted
from backend.ledger.poster import Limits
from backend.ledger.resolve import Amend, SetBudget
from backend.ledger.rules import DecideMelting, NameMerchant, OpenCurrency
from backend.ledger.transfers import Code, Credit, Group, HoldTerms, Leg
from backend.ledger.verify import verify
from tests.backend.ledger.test_verify import alter
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay

THIRTY_DAYS = Melting(EXPIRY, days=30)
TWO_PERCENT = Melting(DEMURRAGE, basis_points=200, free_amount=100)


def at(month: int, day: int, hour: int = 0) -> int:
    """A moment of the year in which the synthetic town lives, UTC."""
    return int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp())


@pytest.fixture
def melts(engine: Engine) -> Iterator[Town]:
    """A town on 1 October, noon, in which nothing melts yet; the books fit at the end."""
    made = Town(engine, Limits(max_forward_s=400 * DAY_S))
    turn_to(made, at(10, 1, 12))
    yield made
    made.close()
    with db.read(engine) as conn:
        report = verify(conn, TOWN, now_us=made.clock.now_us)
    assert report.ok or made.spoiled, report.problems


def turn_to(town: Town, now_s: int) -> None:
    town.clock.now_us = now_s * 1_000_000


def decide(town: Town, rule: Melting, currency: int = CREDIT) -> int:
    return done(town.poster.submit(DecideMelting(currency, rule, "two:staff:1,staff:2")))


def melt(town: Town) -> list[Melted]:
    """Batches until nothing is due."""
    found = []
    while (batch := done(town.poster.submit(Melt()))) is not None:
        found.append(batch)
    return found


def member(town: Town, funds: int = 0, low: int | None = 0) -> int:
    return town.account(funds, low=low, owner="person:4711")


def earn(town: Town, account_id: int, amount: int) -> None:
    town.book(entry(next(town._seqs), Credit(account_id, amount)))


def lines(town: Town, account_id: int) -> list[Line]:
    with db.read(town.engine) as conn:
        return list(balances.statement(conn, TOWN, account_id))


def test_nothing_melts_where_nothing_was_decided(melts: Town) -> None:
    who = member(melts, 500)
    turn_to(melts, at(12, 31))

    assert melt(melts) == []
    assert melts.balance(who) == 500


def test_credit_expires_when_it_was_not_spent_in_time(melts: Town) -> None:
    decide(melts, THIRTY_DAYS)
    saver, spender, shop = member(melts, 300), member(melts, 300), melts.account()
    turn_to(melts, at(10, 20))
    for who in (saver, spender):
        earn(melts, who, 50)
    done(melts.poster.submit(pay(spender, shop, 120)))

    turn_to(melts, at(10, 31, 23))
    assert sum(each.amount for each in melt(melts)) == 0
    turn_to(melts, at(11, 1, 1))  # the first midnight 30 days after noon of 1 October
    found = melt(melts)

    assert [(each.due_s, each.accounts, each.amount, each.last) for each in found] == [
        (at(11, 1), 2, 480, True)
    ]
    # What was spent counts against the oldest credit: 300 - 120 expire, 50 stay.
    assert (melts.balance(saver), melts.balance(spender)) == (50, 50)
    last = lines(melts, spender)[0]
    assert (Code(last.code), last.amount, last.effective_s) == (Code.EXPIRE, -180, at(11, 1))
    assert last.other_account_id == ISSUER


def test_a_second_run_changes_nothing(melts: Town) -> None:
    decide(melts, THIRTY_DAYS)
    who = member(melts, 300)
    turn_to(melts, at(11, 5))
    assert melt(melts)[0].amount == 300

    earn(melts, who, 10)
    assert melt(melts) == []
    melts.restart()
    assert melt(melts) == []
    assert melts.balance(who) == 10


def test_what_came_before_the_rule_has_its_days_too(melts: Town) -> None:
    who = member(melts, 300)
    turn_to(melts, at(10, 20, 12))
    decide(melts, THIRTY_DAYS)

    turn_to(melts, at(11, 19, 13))
    assert melt(melts) == []
    turn_to(melts, at(11, 20, 0))
    assert melt(melts)[0].amount == 300
    assert melts.balance(who) == 0


def test_demurrage_takes_a_share_of_what_lies_above_the_free_amount(melts: Town) -> None:
    decide(melts, TWO_PERCENT)
    rich, odd, poor = member(melts, 1_100), member(melts, 249), member(melts, 100)

    turn_to(melts, at(11, 2))
    assert melt(melts) == []  # the month of the decision is free
    turn_to(melts, at(12, 1, 3))
    found = melt(melts)

    assert [(each.due_s, each.accounts, each.amount) for each in found] == [(at(12, 1), 2, 22)]
    # 2 % of 149 is 2.98: the rest is the holder's.
    assert [melts.balance(each) for each in (rich, odd, poor)] == [1_080, 247, 100]
    assert Code(lines(melts, rich)[0].code) is Code.DEMURRAGE


def test_months_that_were_missed_follow_one_after_the_other(melts: Town) -> None:
    decide(melts, Melting(DEMURRAGE, basis_points=1_000))
    who = member(melts, 1_000)

    turn_to(melts, at(12, 31) + 2 * DAY_S)
    found = melt(melts)

    assert [each.amount for each in found] == [100, 90]
    assert melts.balance(who) == 810


def test_credit_that_came_or_went_after_the_month_is_not_charged_for_it(melts: Town) -> None:
    decide(melts, Melting(DEMURRAGE, basis_points=1_000))
    came, went, shop = member(melts, 100), member(melts, 100), melts.account()
    turn_to(melts, at(12, 1, 1))
    earn(melts, came, 900)
    done(melts.poster.submit(pay(went, shop, 70)))

    melt(melts)

    assert (melts.balance(came), melts.balance(went)) == (990, 27)


@pytest.mark.parametrize("rule", [THIRTY_DAYS, Melting(DEMURRAGE, basis_points=5_000)])
def test_held_credit_is_left_alone(melts: Town, rule: Melting) -> None:
    decide(melts, rule)
    who, shop = member(melts, 300), melts.account()
    terms = HoldTerms(at(12, 31))
    legs = (Leg(who, shop, 200, Code.PAY, hold=terms),)
    hold_id = done(melts.poster.submit(Group(legs, NOW_S))).transfer_ids[0]

    turn_to(melts, at(12, 2))
    assert sum(each.amount for each in melt(melts)) == (100 if rule is THIRTY_DAYS else 50)
    done(melts.poster.submit(Void(hold_id)))
    assert melt(melts) == []  # this moment had its turn
    turn_to(melts, at(12, 31) + 2 * DAY_S)

    assert sum(each.amount for each in melt(melts)) == (200 if rule is THIRTY_DAYS else 125)


def test_closed_accounts_merchants_and_the_towns_own_keep_what_they_have(melts: Town) -> None:
    decide(melts, THIRTY_DAYS)
    who, closed, shop = (member(melts, 100) for _ in range(3))
    till, nobody = melts.account(100, owner="paper-desk:till"), melts.account(100)
    done(melts.poster.submit(Amend(closed, 0, None, closed=True)))
    done(melts.poster.submit(NameMerchant(shop, "grocer", "staff:1")))

    turn_to(melts, at(12, 1))
    melt(melts)

    found = [melts.balance(each) for each in (who, closed, shop, till, nobody)]
    assert found == [0, 100, 100, 100, 100]


def test_an_account_that_opens_again_expires_at_the_next_midnight(melts: Town) -> None:
    decide(melts, THIRTY_DAYS)
    who = member(melts, 100)
    done(melts.poster.submit(Amend(who, 0, None, closed=True)))
    turn_to(melts, at(12, 1))
    melt(melts)
    done(melts.poster.submit(Amend(who, 0, None)))

    assert melt(melts) == []
    turn_to(melts, at(12, 2))
    assert melt(melts)[0].amount == 100


def test_a_run_is_done_in_batches_and_goes_on_where_it_was_cut_off(
    melts: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(melting, "BATCH", 3)
    decide(melts, THIRTY_DAYS)
    people = [member(melts, 10) for _ in range(8)]
    turn_to(melts, at(11, 15))

    first = done(melts.poster.submit(Melt()))
    melts.restart()
    decide(melts, NO_MELTING)  # what began ends by its own rule
    rest = melt(melts)

    assert first == Melted(CREDIT, at(11, 15), 3, 30, False)
    assert [(each.accounts, each.last) for each in rest] == [(3, False), (2, True)]
    assert {melts.balance(each) for each in people} == {0}
    turn_to(melts, at(12, 15))
    assert melt(melts) == []


def test_another_rule_begins_anew_and_never_takes_twice_at_a_moment(melts: Town) -> None:
    decide(melts, THIRTY_DAYS)
    who = member(melts, 1_000)
    turn_to(melts, at(10, 31, 12))
    decide(melts, Melting(DEMURRAGE, basis_points=1_000))
    turn_to(melts, at(11, 2))
    assert melt(melts) == []
    turn_to(melts, at(12, 1))
    assert melt(melts)[0].amount == 100
    decide(melts, Melting(EXPIRY, days=1))

    assert melt(melts) == []
    turn_to(melts, at(12, 3, 1))  # the rule's first whole day was 2 December
    assert melt(melts)[0].amount == 900
    assert melts.balance(who) == 0


def test_a_claim_that_is_paid_just_then_is_looked_at_first(melts: Town) -> None:
    """It is paid by the very batch that melts, whose look at the balance is older."""
    decide(melts, Melting(DEMURRAGE, basis_points=1_000))
    who, shop = member(melts, 300), melts.account()
    done(melts.poster.submit(SetBudget(at(10, 1), at(12, 31), 0, "council")))
    earn(melts, who, 500)  # no budget: it waits, and then for room
    done(melts.poster.submit(Amend(who, 0, 300)))
    done(melts.poster.submit(SetBudget(at(10, 1), at(12, 31), 9_000, "council")))
    turn_to(melts, at(12, 1, 1))
    done(melts.poster.submit(pay(who, shop, 250)))
    done(melts.poster.submit(Amend(who, 0, None)))
    assert melts.balance(who) == 50

    found = melt(melts)

    # The month began with 300, and as much is there again: the claim is no new credit.
    assert sum(each.amount for each in found) == 30
    assert melts.balance(who) == 520


def test_a_large_amount_melts_within_what_the_counters_hold(melts: Town) -> None:
    decide(melts, Melting(DEMURRAGE, basis_points=3_333))
    who = member(melts, 2**52 + 1)
    turn_to(melts, at(12, 1))

    assert melt(melts)[0].amount == (2**52 + 1) * 3_333 // 10_000
    assert melts.balance(who) > 2**51


@pytest.mark.parametrize(
    "rule",
    [
        Melting("both", days=1, basis_points=1),
        Melting(EXPIRY),
        Melting(EXPIRY, days=-1),
        Melting(EXPIRY, days=30, basis_points=100),
        Melting(EXPIRY, days=30, free_amount=1),
        Melting(DEMURRAGE),
        Melting(DEMURRAGE, basis_points=10_001),
        Melting(DEMURRAGE, basis_points=10, days=3),
        Melting(DEMURRAGE, basis_points=10, free_amount=-1),
        Melting(days=5),
    ],
)
def test_what_is_no_rule_is_refused(town: Town, rule: Melting) -> None:
    with pytest.raises(errors.BadRule):
        decide(town, rule)


def test_money_that_nobody_issues_does_not_melt(town: Town) -> None:
    hours = done(town.poster.submit(OpenCurrency("hours", 0, "hours", "staff:1", -10)))

    with pytest.raises(errors.BadRule, match="nobody whom it could go back to"):
        decide(town, THIRTY_DAYS, hours)
    with pytest.raises(errors.UnknownMoney):
        decide(town, THIRTY_DAYS, 99)


def test_what_melted_is_neither_redeemed_nor_outstanding(melts: Town) -> None:
    decide(melts, THIRTY_DAYS)
    who = member(melts, 300)
    done(melts.poster.submit(Group((Leg(who, accounts.REDEEMED, 40, Code.REDEEM),), NOW_S)))
    turn_to(melts, at(11, 20))
    earn(melts, who, 7)
    melt(melts)

    with db.read(melts.engine) as conn:
        now = totals.supply(conn, TOWN)[0]
        before = [totals.supply(conn, TOWN, upto)[0] for upto in range(1, 5)]
    assert (now.issued, now.retired, now.melted, now.outstanding) == (307, 40, 260, 7)
    assert [each.melted for each in before] == [0, 0, 0, 260]
    assert before[-1] == now


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE transfer SET amount = 99 WHERE id = 2", "takes 99 of account"),
        ("UPDATE transfer SET amount = 99 WHERE id = 2", "not the sum of what it took"),
        ("UPDATE melt_rule SET days = 45 WHERE number = 1", "nothing melts by rule 1"),
        ("UPDATE transfer SET code = 14 WHERE id = 2", "says something else"),
        ("DELETE FROM melted", "no run did"),
        ("UPDATE melted SET due_s = due_s - 86400", "no run did"),
        ("UPDATE melted SET transfer_id = 1", "not what its transfer moved"),
        ("DELETE FROM melt_run", "outside of its run"),
        ("UPDATE melt_run SET rule_no = 2", "another rule than was in force"),
        ("UPDATE melt_run SET part = 1", "leaves out a batch"),
        ("UPDATE account SET owner_ref = 'paper-desk:till' WHERE id >= 100", "no member's"),
    ],
)
def test_the_verifier_names_what_did_not_melt_by_rule(
    melts: Town, statement: str, named: str
) -> None:
    decide(melts, THIRTY_DAYS)
    member(melts, 100)
    turn_to(melts, at(11, 15))
    melt(melts)
    decide(melts, NO_MELTING)

    report = alter(melts, statement)

    assert any(named in problem.words for problem in report.problems), report.problems


@pytest.mark.parametrize("rule", [THIRTY_DAYS, TWO_PERCENT])
def test_the_verifier_names_who_was_spared(
    melts: Town, rule: Melting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that leaves out an account of its maker's, and others that have a reason."""
    decide(melts, rule)
    monkeypatch.setattr(melting, "BATCH", 2)
    friend, other = member(melts, 500), member(melts, 500)
    shut, shop, bound = member(melts, 500), member(melts, 500), member(melts, 500)
    done(melts.poster.submit(Amend(shut, 0, None, closed=True)))
    done(melts.poster.submit(NameMerchant(shop, "grocer", "s")))
    done(melts.poster.submit(Amend(bound, 500, None)))
    plain = melting._amounts
    monkeypatch.setattr(
        melting, "_amounts", lambda *asked: (e for e in plain(*asked) if e[0] != friend)
    )
    turn_to(melts, at(12, 1, 3))
    assert sum(each.accounts for each in melt(melts)) == 1
    done(melts.poster.submit(Amend(shut, 0, None)))
    assert melts.balance(other) < 500
    melts.spoiled = True

    with db.read(melts.engine) as conn:
        found = verify(conn, TOWN, now_us=melts.clock.now_us).problems

    assert [each.words.partition(" kept")[0] for each in found] == [f"account {friend}"]


def test_the_key_refuses_what_the_code_would_take_twice(melts: Town) -> None:
    decide(melts, THIRTY_DAYS)
    who = member(melts, 100)
    turn_to(melts, at(11, 15))
    melt(melts)
    with db.read(melts.engine) as conn:
        row = conn.execute(select(r.melted)).one()

    with pytest.raises(Exception, match=r"(?i)unique"), db.begin(melts.engine) as conn:
        conn.execute(r.melted.insert().values(**dict(row._mapping) | {"transfer_id": 99}))

    assert (row.account_id, row.due_s, row.transfer_id) == (who, at(11, 15), 2)


def test_a_run_over_an_account_with_a_long_past_reads_no_more(engine: Engine) -> None:
    town = Town(engine)
    turn_to(town, at(10, 1, 12))
    decide(town, THIRTY_DAYS)
    who = member(town)
    for day in range(1, 25):
        turn_to(town, at(10, day, 13))
        futures = [town.poster.submit(entry(next(town._seqs), Credit(who, 1))) for _ in range(30)]
        for each in futures:
            done(each)
        town.poster.rest()
    turn_to(town, at(11, 12))
    assert sum(each.amount for each in melt(town)) == 12 * 30
    town.close()
    with db.read(engine) as conn:
        assert conn.scalar(text("SELECT count(*) FROM balance_snapshot")) > 2
        assert verify(conn, TOWN).ok


@pytest.mark.parametrize("rule", [THIRTY_DAYS, TWO_PERCENT])
def test_what_is_forecast_is_what_melts_then_and_nothing_before(melts: Town, rule: Melting) -> None:
    decide(melts, rule)
    who, shop = member(melts, 700), melts.account()
    turn_to(melts, at(10, 4, 12))
    earn(melts, who, 900)
    done(melts.poster.submit(pay(who, shop, 650)))

    with db.read(melts.engine) as conn:
        told = forecast(conn, TOWN, who, at(10, 4, 13))
    assert told is not None
    turn_to(melts, told.due_s - 10)
    assert sum(each.amount for each in melt(melts)) == 0
    turn_to(melts, told.due_s)
    melt(melts)

    assert melts.balance(who) == 950 - told.amount
    assert (told.due_s, told.amount) == (
        (at(11, 1), 50) if rule is THIRTY_DAYS else (at(12, 1), 17)
    )


def test_nothing_is_forecast_where_nothing_melts(melts: Town) -> None:
    who, empty = member(melts, 700), member(melts)
    with db.read(melts.engine) as conn:
        assert forecast(conn, TOWN, who, at(10, 4)) is None
    decide(melts, THIRTY_DAYS)
    done(melts.poster.submit(NameMerchant(who, "grocer", "staff:1")))
    with db.read(melts.engine) as conn:
        assert [forecast(conn, TOWN, each, at(10, 4)) for each in (who, empty)] == [None, None]
