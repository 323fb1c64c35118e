"""Holds reserve, settle once, and break no limit, on both engines."""

import pytest
from sqlalchemy import Engine

from backend import db
from backend.ledger import balances, errors
from backend.ledger.accounts import COMPOST, STOCK_SOURCE
from backend.ledger.holds import ExpireHolds, Settle, SettleAll, Void
from backend.ledger.resolve import Amend, PayClaims, SetBudget
from backend.ledger.transfers import (
    MAX_HOLD_S,
    Code,
    Credit,
    Group,
    HoldTerms,
    Idempotency,
    Leg,
    Posted,
)
from backend.ledger.verify import verify
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, entry, pay

DAY_S = 86_400


def hold(
    debit: int, credit: int, amount: int, *, on_expiry: str = "void", seconds: int = DAY_S
) -> Group:
    terms = HoldTerms(NOW_S + seconds, on_expiry)
    return Group((Leg(debit, credit, amount, Code.PAY, hold=terms),), NOW_S)


def held(town: Town, group: Group) -> int:
    posted: Posted = done(town.poster.submit(group))
    return posted.transfer_ids[0]


def money(town: Town, account_id: int) -> tuple[int, int]:
    """(posted, available)."""
    with db.read(town.engine) as conn:
        found = balances.balance(conn, TOWN, account_id)
    return found.posted, found.available


def is_right(town: Town) -> bool:
    with db.read(town.engine) as conn:
        return verify(conn, TOWN).problems == []


def test_a_hold_reserves_and_posting_moves(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    hold_id = held(town, hold(payer, payee, 60))
    assert (money(town, payer), money(town, payee)) == ((100, 40), (0, 0))

    with pytest.raises(errors.InsufficientFunds):
        done(town.poster.submit(pay(payer, payee, 41)))
    done(town.poster.submit(Settle(hold_id)))

    assert (money(town, payer), money(town, payee)) == ((40, 40), (60, 60))
    with pytest.raises(errors.InsufficientFunds):
        held(town, pay(payer, payee, 41))
    assert is_right(town)


def test_a_part_is_posted_and_the_rest_is_free_again(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    hold_id = held(town, hold(payer, payee, 60))

    done(town.poster.submit(Settle(hold_id, 25)))

    assert (money(town, payer), money(town, payee)) == ((75, 75), (25, 25))
    done(town.poster.submit(pay(payer, payee, 75)))
    assert is_right(town)


@pytest.mark.parametrize("first", ["post", "void"])
@pytest.mark.parametrize("second", ["post", "void"])
def test_a_hold_is_settled_once(town: Town, first: str, second: str) -> None:
    payer, payee = town.account(funds=100), town.account()
    hold_id = held(town, hold(payer, payee, 60))
    kinds = {"post": Settle, "void": Void}

    one, other = done(town.poster.submit_all([kinds[first](hold_id), kinds[second](hold_id)]))
    town.restart()
    with pytest.raises(errors.HoldSettled):
        done(town.poster.submit(kinds[second](hold_id)))

    assert isinstance(one, Posted)
    assert isinstance(other, errors.HoldSettled)
    assert town.balance(payee) == (60 if first == "post" else 0)
    assert is_right(town)


def test_what_cannot_be_settled_says_why(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    hold_id = held(town, hold(payer, payee, 60))
    single = held(town, pay(payer, payee, 1))

    for request, error in (
        (Settle(hold_id, 61), errors.AboveHold),
        (Settle(hold_id, 0), errors.BadAmount),
        (Settle(hold_id, -5), errors.BadAmount),
        (Settle(999), errors.UnknownHold),
        (Void(single), errors.UnknownHold),
    ):
        with pytest.raises(error):
            done(town.poster.submit(request))

    assert money(town, payer) == (99, 39)


@pytest.mark.parametrize("seconds", [0, -5, 3 * 366 * DAY_S])
def test_a_hold_has_an_end_that_is_near(town: Town, seconds: int) -> None:
    payer, payee = town.account(funds=100), town.account()
    with pytest.raises(errors.BadTime):
        held(town, hold(payer, payee, 60, seconds=seconds))
    assert held(town, hold(payer, payee, 60, seconds=MAX_HOLD_S))


def test_a_hold_says_what_its_end_does(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    with pytest.raises(errors.BadGroup):
        held(town, hold(payer, payee, 60, on_expiry="maybe"))


def test_holds_run_out_as_their_terms_say(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    voided = held(town, hold(payer, payee, 30))
    held(town, hold(payer, payee, 20, on_expiry="post"))
    later = held(town, hold(payer, payee, 10, seconds=3 * DAY_S))
    town.clock.now_us = (NOW_S + DAY_S) * 1_000_000 - 999  # the books are at that moment, sharp

    with pytest.raises(errors.HoldSettled, match="run out"):
        done(town.poster.submit(Settle(voided)))
    assert done(town.poster.submit(ExpireHolds())) == 2
    assert done(town.poster.submit(ExpireHolds())) == 0

    assert (money(town, payer), money(town, payee)) == ((80, 70), (20, 20))
    done(town.poster.submit(Void(later)))
    assert money(town, payer) == (80, 80)
    assert is_right(town)


def test_what_is_coming_counts_against_a_maximum(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account(high=50)
    hold_id = held(town, hold(payer, payee, 40))

    with pytest.raises(errors.OverMaximum):
        done(town.poster.submit(pay(payer, payee, 11)))
    town.restart()
    with pytest.raises(errors.OverMaximum):
        done(town.poster.submit(pay(payer, payee, 11)))
    done(town.poster.submit(Settle(hold_id, 5)))
    done(town.poster.submit(pay(payer, payee, 45)))

    assert town.balance(payee) == 50


def test_a_claim_is_not_paid_into_room_that_is_reserved(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account(high=50)
    done(town.poster.submit(SetBudget(NOW_S - 10, NOW_S + DAY_S, 100, "council")))
    done(town.poster.submit(entry(1, Credit(payee, 30))))
    hold_id = held(town, hold(payer, payee, 40))

    done(town.poster.submit(SetBudget(NOW_S - 10, NOW_S + DAY_S, 1000, "council")))
    assert town.balance(payee) == 0
    done(town.poster.submit(Settle(hold_id, 20)))
    assert done(town.poster.submit(PayClaims())) == 1

    assert town.balance(payee) == 50
    assert is_right(town)


@pytest.mark.parametrize("end", ["settle", "expire"])
def test_a_hold_is_kept_whatever_limits_are_set_after_it(town: Town, end: str) -> None:
    payer, payee = town.account(funds=100), town.account(high=50)
    hold_id = held(town, hold(payer, payee, 40, on_expiry="post"))
    done(town.poster.submit(Amend(payer, 90, None)))
    done(town.poster.submit(Amend(payee, 0, 10)))

    if end == "expire":
        town.clock.now_us = (NOW_S + DAY_S) * 1_000_000
    done(town.poster.submit(Settle(hold_id) if end == "settle" else ExpireHolds()))

    assert (money(town, payer), money(town, payee)) == ((60, 60), (40, 40))
    assert is_right(town)


def test_a_group_with_holds_is_all_or_nothing(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    terms = HoldTerms(NOW_S + DAY_S)
    legs = (
        Leg(payer, payee, 10, Code.PAY),
        Leg(payer, payee, 60, Code.PAY, hold=terms),
        Leg(payer, payee, 31, Code.PAY),
    )

    with pytest.raises(errors.InsufficientFunds):
        done(town.poster.submit(Group(legs, NOW_S)))
    assert money(town, payer) == (100, 100)
    done(town.poster.submit(Group(legs[:2], NOW_S)))

    assert money(town, payer) == (90, 30)
    assert is_right(town)


def test_a_settlement_under_a_key_is_answered_again(engine: Engine) -> None:
    town = Town(engine)
    payer, payee = town.account(funds=100), town.account()
    hold_id = held(town, hold(payer, payee, 60))
    asked = Settle(hold_id, 20, Idempotency("client", "k", bytes(32)))

    first = done(town.poster.submit(asked))
    town.restart()
    second = done(town.poster.submit(asked))

    assert second.replayed
    assert second.transfer_ids == first.transfer_ids
    with pytest.raises(errors.KeyReused):
        done(town.poster.submit(Void(hold_id, Idempotency("client", "k", b"\1" * 32))))
    assert town.balance(payee) == 20
    town.close()


def test_a_correction_goes_the_other_way_up_to_its_amount(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    paid = held(town, pay(payer, payee, 50))

    def correct(debit: int, credit: int, amount: int, of: int) -> Group:
        return Group((Leg(debit, credit, amount, Code.CORRECT, corrects_id=of),), NOW_S)

    for bad, error in (
        (correct(payee, payer, 51, paid), errors.BadCorrection),
        (correct(payer, payee, 10, paid), errors.BadCorrection),
        (correct(payee, payer, 10, 999), errors.UnknownTransfer),
    ):
        with pytest.raises(error):
            done(town.poster.submit(bad))
    done(town.poster.submit(correct(payee, payer, 20, paid)))

    assert town.balance(payer) == 70
    assert is_right(town)


def test_deposits_beside_holds_see_what_is_reserved(town: Town) -> None:
    payer, payee = town.account(funds=10), town.account()
    hold_id = held(town, hold(payer, payee, 10))

    answers = done(
        town.poster.submit_all(
            [
                entry(1, Credit(payer, 5)),
                pay(payer, payee, 5),
                Settle(hold_id),
                entry(2, Credit(payer, 1)),
            ]
        )
    )

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert (town.balance(payer), town.balance(payee)) == (1, 15)
    assert is_right(town)


def test_several_holds_are_settled_together_or_not_at_all(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    one, two, gone = (held(town, hold(payer, payee, amount)) for amount in (10, 20, 30))
    done(town.poster.submit(Void(gone)))

    for wrong in ((one, gone), (one, one), (one, 99_999), ()):
        with pytest.raises((errors.HoldSettled, errors.BadGroup, errors.UnknownHold)):
            done(town.poster.submit(SettleAll(wrong)))
    with pytest.raises(errors.BadGroup, match="1 to 64 holds"):
        done(town.poster.submit(SettleAll(tuple(range(1, 66)))))
    assert money(town, payer) == (100, 70)
    key = Idempotency("client", "both", b"f" * 32)
    first = done(town.poster.submit(SettleAll((one, two), idempotency=key)))
    again = done(town.poster.submit(SettleAll((one, two), idempotency=key)))

    assert (again.group_id, again.transfer_ids, again.replayed) == (*_ids(first), True)
    assert (money(town, payer), money(town, payee)) == ((70, 70), (30, 30))
    assert is_right(town)


def test_holds_of_two_moneys_are_settled_together_where_they_may_meet(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    stock, shelf = town.account(currency=COMPOST), town.account(currency=COMPOST)
    done(town.poster.submit(Group((Leg(STOCK_SOURCE, stock, 9, Code.RECEIVE_STOCK),), NOW_S)))
    both = held(town, hold(payer, payee, 10)), held(town, hold(stock, shelf, 5))

    with pytest.raises(errors.IllegalCrossing):
        done(town.poster.submit(SettleAll(both)))

    assert (money(town, payer), money(town, stock)) == ((100, 90), (9, 4))


def test_several_holds_are_let_go_together(town: Town) -> None:
    payer, payee = town.account(funds=100), town.account()
    both = tuple(held(town, hold(payer, payee, amount)) for amount in (10, 20))

    done(town.poster.submit(SettleAll(both, void=True)))

    assert money(town, payer) == (100, 100)
    assert is_right(town)


def _ids(posted: Posted) -> tuple[int, tuple[int, ...]]:
    return posted.group_id, posted.transfer_ids
