"""Soft limits: nothing is stopped, and who crosses one is told so once, on both engines."""

import pytest
from sqlalchemy import text

from backend import db
from backend.ledger import errors, notices
from backend.ledger import tables as t
from backend.ledger.accounts import ISSUER, SUSPENSE
from backend.ledger.resolve import Amend
from backend.ledger.transfers import Code, Credit, Group, Leg, Suspend
from backend.ledger.verify import verify
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay


def soft(town: Town, account_id: int, low: int | None, high: int | None = None) -> None:
    done(town.poster.submit(Amend(account_id, 0, None, soft_min=low, soft_max=high)))


def told(town: Town, account_id: int | None = None) -> list[tuple[int, str, int, int]]:
    """(account, crossed, bound, balance), oldest first."""
    with db.read(town.engine) as conn:
        found = notices.notices(conn, TOWN, account_id)
    return [(n.account_id, n.crossed, n.bound, n.balance) for n in reversed(found)]


def test_who_crosses_a_soft_limit_is_told_once(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    soft(town, payer, 50)
    soft(town, payee, None, 80)

    for amount in (50, 10, 10):
        done(town.poster.submit(pay(payer, payee, amount)))
    done(town.poster.submit(pay(payee, payer, 40)))
    done(town.poster.submit(pay(payer, payee, 60)))

    assert told(town, payer) == [(payer, "soft_min", 50, 40), (payer, "soft_min", 50, 10)]
    assert told(town, payee) == [(payee, "soft_max", 80, 90)]
    assert len(told(town)) == 3
    assert (town.balance(payer), town.balance(payee)) == (10, 90)


def test_a_batch_is_noted_transfer_by_transfer(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    soft(town, payer, 50)
    town.restart()

    done(
        town.poster.submit_all(
            [pay(payer, payee, 60), pay(payee, payer, 30), pay(payer, payee, 500),
             entry(1, Credit(payer, 5)), pay(payer, payee, 26)]
        )
    )  # fmt: skip

    assert told(town, payer) == [(payer, "soft_min", 50, 40), (payer, "soft_min", 50, 49)]


def test_a_deposit_and_a_group_that_comes_back_are_noted_too(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    soft(town, payer, 50, 110)

    legs = (Leg(payer, payee, 60, Code.PAY), Leg(payee, payer, 60, Code.PAY))
    done(town.poster.submit(Group(legs, NOW_S)))
    town.book(entry(1, Credit(payer, 11)))

    assert told(town, payer) == [(payer, "soft_min", 50, 40), (payer, "soft_max", 110, 111)]


def test_a_soft_maximum_tells_when_too_much_waits_for_its_owners(town: Town) -> None:
    done(town.poster.submit(Amend(SUSPENSE, 0, None, soft_max=50)))
    town.restart()

    done(town.poster.submit_all([entry(n, Suspend(30)) for n in range(3)]))

    assert told(town) == [(SUSPENSE, "soft_max", 50, 60)]


def test_what_is_refused_or_over_is_not_noted(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    soft(town, payer, 50)

    with pytest.raises(errors.InsufficientFunds):
        done(town.poster.submit(pay(payer, payee, 101)))
    soft(town, payer, None)
    done(town.poster.submit(pay(payer, payee, 90)))

    assert told(town) == []


def test_a_group_that_cannot_be_written_leaves_no_notice(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    soft(town, payer, 50)
    bad = {"from_s": 9, "until_s": 1, "amount": 1, "spent": 0, "decided_by": ""}
    group = Group((Leg(payer, payee, 60, Code.PAY),), NOW_S, rows=((t.budget, bad),))

    answers = done(town.poster.submit_all([group, pay(payer, payee, 55)]))

    assert isinstance(answers[0], Exception)
    assert told(town) == [(payer, "soft_min", 50, 45)]


def test_soft_limits_that_make_no_sense(town: Town) -> None:
    payer = town.account()
    for asked, error in (
        (Amend(payer, 0, None, soft_min=9, soft_max=8), errors.OverMaximum),
        (Amend(ISSUER, None, None, soft_min=-9), errors.BadRule),
    ):
        with pytest.raises(error):
            done(town.poster.submit(asked))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        ("UPDATE account_terms SET soft_min = 45 WHERE soft_min = 50", "notice of account"),
        ("INSERT INTO notice VALUES (7, 2, {payee}, 'soft_max', 5, 60, 1)", "notice of account"),
        ("UPDATE notice SET recorded_us = 9", "notice is not of its transfer's moment"),
    ],
)
def test_a_notice_that_is_false_or_missing_is_found(town: Town, harm: str, named: str) -> None:
    payer, payee = town.account(funds=100), town.account()
    soft(town, payer, 50)
    done(town.poster.submit(pay(payer, payee, 60)))
    town.spoiled = True
    table = harm.split()[1] if harm.startswith("UPDATE") else "notice"
    with db.begin(town.engine) as conn:
        off = (
            f"DROP TRIGGER {table}_no_update"
            if conn.dialect.name == "sqlite"
            else f"ALTER TABLE {table} DISABLE TRIGGER USER"
        )
        conn.execute(text(off))
        conn.execute(text(harm.format(payee=payee)))

    with db.read(town.engine) as conn:
        found = verify(conn, TOWN).problems

    assert any(named in problem.words for problem in found), found
