"""Kinds of money: what each does and refuses, from its rows alone, on both engines."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select, text

from backend import db
from backend.ledger import accounts, errors, rules, totals
from backend.ledger import tables as t
from backend.ledger.holds import Settle
from backend.ledger.rules import (
    AllowCrossing,
    AllowSpending,
    DefineKind,
    NameMerchant,
    OpenCurrency,
    RuleChange,
)
from backend.ledger.transfers import Code, Credit, Group, HoldTerms, Leg, Posted
from backend.ledger.verify import verify
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay

DAY_S = 86_400
BY = "staff:1"


def decide(town: Town, asked: RuleChange) -> int:
    answer: int = done(town.poster.submit(asked))
    return answer


def opened(town: Town, kind: str, member_min: int = 0, code: str = "") -> int:
    return decide(town, OpenCurrency(code or f"the {kind}"[:16], 0, kind, BY, member_min))


def issuer(town: Town, currency_id: int) -> int:
    row = t.currency.c
    with db.read(town.engine) as conn:
        found = select(row.issuer_account_id).where(row.ledger_id == TOWN, row.id == currency_id)
        return int(conn.execute(found).scalar_one())


def group(*legs: tuple[int, int, int, Code]) -> Group:
    return Group(tuple(Leg(*leg) for leg in legs), NOW_S)


def booked(town: Town, *legs: tuple[int, int, int, Code]) -> Posted:
    return done(town.poster.submit(group(*legs)))


def outstanding(town: Town, currency_id: int) -> int:
    with db.read(town.engine) as conn:
        found = totals.supply(conn, TOWN)
    return next(each.outstanding for each in found if each.currency_id == currency_id)


@dataclass
class Aid:
    """Restricted money: Amal has 100 of it, for the grocer until tomorrow."""

    town: Town
    currency: int
    issuer: int
    amal: int
    bassam: int
    grocer: int
    smoke: int


@pytest.fixture
def aid(town: Town) -> Aid:
    currency = opened(town, "restricted_aid")
    amal, bassam, grocer, smoke = (town.account(currency=currency) for _ in range(4))
    decide(town, AllowSpending(currency, "grocer", NOW_S + DAY_S, BY))
    decide(town, NameMerchant(grocer, "grocer", BY))
    decide(town, NameMerchant(smoke, "tobacconist", BY))
    source = issuer(town, currency)
    booked(town, (source, amal, 100, Code.ISSUE))
    return Aid(town, currency, source, amal, bassam, grocer, smoke)


def test_weighed_credits_are_minted_spent_and_never_below_zero(town: Town) -> None:
    member, other, stock = town.account(), town.account(), town.account(currency=accounts.COMPOST)
    town.book(entry(1, Credit(member, 90)))
    booked(town, (accounts.STOCK_SOURCE, stock, 500, Code.RECEIVE_STOCK))

    booked(
        town,
        (member, accounts.REDEEMED, 60, Code.REDEEM),
        (stock, accounts.HANDED_OUT, 200, Code.HAND_OVER),
    )

    assert (town.balance(member), town.balance(stock)) == (30, 300)
    with pytest.raises(errors.InsufficientFunds):
        booked(town, (member, other, 31, Code.PAY))


def test_restricted_aid_is_spent_at_allowed_merchants_alone(aid: Aid) -> None:
    town = aid.town
    for payee in (aid.bassam, aid.smoke):
        with pytest.raises(errors.NotSpendable, match="only at merchants of the kind grocer"):
            booked(town, (aid.amal, payee, 10, Code.PAY))
    with pytest.raises(errors.NotSpendable):
        booked(town, (aid.amal, aid.grocer, 10, Code.PAY), (aid.amal, aid.smoke, 1, Code.PAY))
    with pytest.raises(errors.InsufficientFunds):
        booked(town, (aid.amal, aid.grocer, 101, Code.PAY))

    booked(town, (aid.amal, aid.grocer, 60, Code.PAY))
    booked(town, (aid.grocer, aid.issuer, 60, Code.RETIRE))

    assert (town.balance(aid.amal), town.balance(aid.grocer)) == (40, 0)
    assert outstanding(town, aid.currency) == 40


def test_restricted_aid_ends_and_goes_back(aid: Aid) -> None:
    town = aid.town
    town.clock.now_us = (NOW_S + DAY_S) * 1_000_000
    with pytest.raises(errors.NotSpendable, match="nowhere any more"):
        booked(town, (aid.amal, aid.grocer, 10, Code.PAY))

    booked(town, (aid.amal, aid.issuer, 100, Code.RETIRE))

    assert outstanding(town, aid.currency) == 0


def test_a_rule_is_in_force_from_its_decision_on(aid: Aid) -> None:
    town = aid.town
    booked(town, (aid.amal, aid.grocer, 10, Code.PAY))
    decide(town, NameMerchant(aid.grocer, "", BY))
    with pytest.raises(errors.NotSpendable):
        booked(town, (aid.amal, aid.grocer, 10, Code.PAY))
    decide(town, NameMerchant(aid.grocer, "grocer", BY))
    decide(town, AllowSpending(aid.currency, "grocer", 0, BY))
    with pytest.raises(errors.NotSpendable):
        booked(town, (aid.amal, aid.grocer, 10, Code.PAY))
    decide(town, AllowSpending(aid.currency, "tobacconist", NOW_S + DAY_S, BY))
    town.restart()

    booked(town, (aid.amal, aid.smoke, 10, Code.PAY))

    assert town.balance(aid.amal) == 80


def test_held_aid_is_judged_when_it_is_held(aid: Aid) -> None:
    town = aid.town
    terms = HoldTerms(NOW_S + 3 * DAY_S)

    def hold(payee: int) -> Posted:
        leg = Leg(aid.amal, payee, 10, Code.PAY, hold=terms)
        return done(town.poster.submit(Group((leg,), NOW_S)))

    with pytest.raises(errors.NotSpendable):
        hold(aid.bassam)
    held = hold(aid.grocer).group_id
    town.clock.now_us = (NOW_S + 2 * DAY_S) * 1_000_000
    done(town.poster.submit(Settle(held)))

    assert town.balance(aid.grocer) == 10


def test_spent_aid_can_be_corrected(aid: Aid) -> None:
    town = aid.town
    paid = booked(town, (aid.amal, aid.grocer, 10, Code.PAY)).group_id
    leg = Leg(aid.grocer, aid.amal, 4, Code.CORRECT, corrects_id=paid)

    done(town.poster.submit(Group((leg,), NOW_S)))

    assert town.balance(aid.amal) == 94


@pytest.mark.parametrize("kind", ["hours", "mutual_credit"])
def test_what_nobody_issues_sums_to_zero(town: Town, kind: str) -> None:
    currency = opened(town, kind, -10)
    amal, bassam = (town.account(currency=currency, low=-10) for _ in range(2))

    booked(town, (amal, bassam, 10, Code.PAY))
    with pytest.raises(errors.InsufficientFunds):
        booked(town, (amal, bassam, 1, Code.PAY))
    for legs in ((issuer(town, currency), amal, 1), (bassam, issuer(town, currency), 1)):
        with pytest.raises(errors.AccountClosed):
            booked(town, (*legs, Code.ISSUE))

    assert (town.balance(amal), town.balance(bassam)) == (-10, 10)
    assert outstanding(town, currency) == 0


def test_mutual_credit_has_a_limit_for_each_member(town: Town) -> None:
    currency = opened(town, "mutual_credit", -10)
    shop, farm = (town.account(currency=currency, low=low) for low in (-500, -20))
    booked(town, (shop, farm, 500, Code.PAY))
    booked(town, (farm, shop, 520, Code.PAY))

    with pytest.raises(errors.InsufficientFunds):
        booked(town, (farm, shop, 1, Code.PAY))


def test_hours_are_never_exchanged(town: Town) -> None:
    currency = opened(town, "hours", -10)
    amal, bassam = (town.account(currency=currency, low=-10) for _ in range(2))
    rich, poor = town.account(funds=100), town.account()
    both = (amal, bassam, 1, Code.PAY), (rich, poor, 5, Code.PAY)

    with pytest.raises(errors.IllegalCrossing, match="never exchanged"):
        decide(town, AllowCrossing(("hours", 8), ("waste_credit", 8), BY))
    with pytest.raises(errors.IllegalCrossing):
        booked(town, *both)
    with pytest.raises(errors.CurrencyMismatch):
        booked(town, (amal, poor, 1, Code.PAY))

    assert (town.balance(amal), town.balance(rich)) == (0, 100)


def test_only_a_row_lets_two_kinds_meet(town: Town) -> None:
    currency = opened(town, "mutual_credit", -50)
    amal, bassam = (town.account(currency=currency, low=-50) for _ in range(2))
    rich, poor = town.account(funds=100), town.account()
    swap = (amal, bassam, 10, Code.PAY), (poor, rich, 5, Code.PAY)
    booked(town, (rich, poor, 50, Code.PAY))
    ways = ("waste_credit", int(Code.PAY)), ("mutual_credit", int(Code.PAY))

    with pytest.raises(errors.IllegalCrossing, match="mutual_credit"):
        booked(town, *swap)
    decide(town, AllowCrossing(*ways, BY))
    booked(town, *swap)
    with pytest.raises(errors.IllegalCrossing):
        booked(town, swap[0], (poor, accounts.REDEEMED, 5, Code.REDEEM))
    decide(town, AllowCrossing(ways[1], ways[0], BY, allowed=False))
    with pytest.raises(errors.IllegalCrossing):
        booked(town, *reversed(swap))
    town.restart()
    with pytest.raises(errors.IllegalCrossing):
        booked(town, *swap)

    assert (town.balance(amal), town.balance(poor)) == (-10, 45)


def test_two_currencies_of_one_kind_are_two_moneys(town: Town) -> None:
    one, other = opened(town, "hours", -5, "old town"), opened(town, "hours", -5, "new town")
    a, b = (town.account(currency=one, low=-5) for _ in range(2))
    c, d = (town.account(currency=other, low=-5) for _ in range(2))

    with pytest.raises(errors.IllegalCrossing):
        booked(town, (a, b, 1, Code.PAY), (d, c, 1, Code.PAY))


def test_a_redemption_is_taken_back_without_a_crossing_of_its_own(town: Town) -> None:
    member, stock = town.account(funds=90), town.account(currency=accounts.COMPOST)
    booked(town, (accounts.STOCK_SOURCE, stock, 500, Code.RECEIVE_STOCK))
    gave = booked(
        town,
        (member, accounts.REDEEMED, 60, Code.REDEEM),
        (stock, accounts.HANDED_OUT, 200, Code.HAND_OVER),
    ).transfer_ids
    back = (
        Leg(accounts.REDEEMED, member, 60, Code.CORRECT, corrects_id=gave[0]),
        Leg(accounts.HANDED_OUT, stock, 200, Code.CORRECT, corrects_id=gave[1]),
    )

    done(town.poster.submit(Group(back, NOW_S)))

    assert (town.balance(member), town.balance(stock)) == (90, 500)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (OpenCurrency("x", 0, "shells", BY), errors.UnknownMoney),
        (OpenCurrency("credit", 0, "hours", BY, -5), errors.BadRule),
        (OpenCurrency("x", 0, "waste_credit", BY), errors.BadRule),
        (OpenCurrency("x", 0, "hours", BY), errors.BadRule),
        (OpenCurrency("x", 0, "restricted_aid", BY, -5), errors.BadRule),
        (OpenCurrency("x", 7, "restricted_aid", BY), errors.BadRule),
        (AllowCrossing(("shells", 8), ("goods", 8), BY), errors.UnknownMoney),
        (AllowCrossing(("goods", 99), ("goods", 8), BY), errors.BadRule),
        (AllowSpending(9, "grocer", 1, BY), errors.UnknownMoney),
        (AllowSpending(accounts.CREDIT, "grocer", 1, BY), errors.BadRule),
        (NameMerchant(12345, "grocer", BY), errors.UnknownAccount),
        (DefineKind("hours", "town", False, True, BY), errors.BadRule),
        (DefineKind("shells", "the sea", False, True, BY), errors.BadRule),
        (DefineKind("shells", "nobody", True, True, BY), errors.BadRule),
    ],
)
def test_rules_that_no_books_could_follow(
    town: Town, asked: RuleChange, error: type[Exception]
) -> None:
    with pytest.raises(error):
        decide(town, asked)


def test_a_town_adds_a_kind_of_its_own(town: Town) -> None:
    decide(town, DefineKind("school_voucher", "town", True, False, BY))
    currency = opened(town, "school_voucher")
    pupil, shop = (town.account(currency=currency) for _ in range(2))
    booked(town, (issuer(town, currency), pupil, 5, Code.ISSUE))

    with pytest.raises(errors.NotSpendable, match="nowhere"):
        booked(town, (pupil, shop, 5, Code.PAY))
    with db.read(town.engine) as conn:
        assert rules.load(conn, TOWN).money[currency].kind.code == "school_voucher"


@pytest.mark.parametrize(
    ("table", "harm", "words"),
    [
        ("crossing", "DELETE FROM crossing", "no legal crossing"),
        ("merchant", "UPDATE merchant SET kind = 'bar' WHERE kind = 'grocer'", "may not be spent"),
        ("spend_rule", "UPDATE spend_rule SET until_s = 5", "may not be spent"),
        ("currency_kind", "DELETE FROM currency_kind WHERE currency_id = 2", "of no kind"),
    ],
)
def test_the_verifier_judges_by_the_rows(aid: Aid, table: str, harm: str, words: str) -> None:
    town = aid.town
    member, stock = town.account(funds=9), town.account(currency=accounts.COMPOST)
    booked(town, (accounts.STOCK_SOURCE, stock, 5, Code.RECEIVE_STOCK))
    redeemed = (member, accounts.REDEEMED, 6, Code.REDEEM)
    booked(town, redeemed, (stock, accounts.HANDED_OUT, 2, Code.HAND_OVER))
    booked(town, (aid.amal, aid.grocer, 10, Code.PAY))
    with db.read(town.engine) as conn:
        assert verify(conn, TOWN).problems == []
    town.spoiled = True
    with db.begin(town.engine) as conn:
        if conn.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                conn.execute(text(f"DROP TRIGGER {table}_no_{verb}"))
        else:
            conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        conn.execute(text(harm))

    with db.read(town.engine) as conn:
        found = verify(conn, TOWN).problems

    assert any(words in problem.words for problem in found), found


def test_one_currency_costs_no_look_at_the_rules(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deposits and payments of a town without restricted money never ask them."""
    payer, payee = town.account(funds=100), town.account()

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("backend.ledger.booking.check", fail)
    monkeypatch.setattr("backend.ledger.notices.note", fail)
    done(town.poster.submit(pay(payer, payee, 5)))
    town.book(entry(1, Credit(payer, 5)))

    assert town.balance(payer) == 100
