"""Counters of 64 bits: what no sum could hold is refused in words, and nothing is half done."""

from typing import Any

import pytest
from sqlalchemy import Engine

from backend import db
from backend.ledger import balances, loading
from backend.ledger.accounts import ISSUER, SUSPENSE
from backend.ledger.capacity import LARGE, MOST
from backend.ledger.errors import TooMuchInAll
from backend.ledger.holds import Settle, Void
from backend.ledger.poster import Limits
from backend.ledger.resolve import PayClaims, Resolution, SetBudget
from backend.ledger.transfers import MAX_AMOUNT, Code, Credit, Group, HoldTerms, Leg, Suspend
from backend.ledger.verify import verify
from tests.backend.ledger.town import EPOCH, NOW_S, TOWN, Town, done, entry, pay, settled

FITS = MOST // MAX_AMOUNT


def held(town: Town, debit: int, credit: int, amount: int) -> object:
    leg = Leg(debit, credit, amount, Code.PAY, hold=HoldTerms(NOW_S + 86_400))
    return settled([town.poster.submit(Group((leg,), NOW_S))])[0]


def test_more_than_can_be_counted_is_refused_and_the_rest_goes_on(engine: Engine) -> None:
    town = Town(engine, Limits(tail=200))
    payer, shop, other = town.account(low=None), town.account(), town.account()

    answers = settled([town.poster.submit(pay(payer, shop, MAX_AMOUNT)) for _ in range(1_025)])
    town.restart()
    again = settled([town.poster.submit(pay(payer, shop, MAX_AMOUNT))])
    beside = settled(
        [
            town.poster.submit(pay(payer, shop, 7)),
            town.poster.submit(Group(tuple(
                Leg(a, b, MAX_AMOUNT, Code.PAY) for a, b in ((shop, other), (payer, other))
            ), NOW_S)),
            town.poster.submit(pay(shop, other, MAX_AMOUNT)),
        ]
    )  # fmt: skip

    refused = [each for each in answers if isinstance(each, Exception)]
    assert len(answers) - len(refused) == FITS
    assert {type(each) for each in (*refused, *again, beside[1])} == {TooMuchInAll}
    assert str(payer) in str(refused[0])
    assert not [each for each in (beside[0], beside[2]) if isinstance(each, Exception)]
    assert town.balance(shop) == (FITS - 1) * MAX_AMOUNT + 7
    assert town.balance(payer) == -FITS * MAX_AMOUNT - 7
    assert town.balance(other) == MAX_AMOUNT
    with db.read(engine) as conn:
        assert verify(conn, TOWN).problems == []
        lines = balances.statement(conn, TOWN, shop, limit=1_000)
    assert lines[-1].balance_after == MAX_AMOUNT
    town.close()


def test_what_goes_to_and_fro_is_counted_as_well(town: Town) -> None:
    """A balance stays small; what passed through does not."""
    a, b = town.account(), town.account()
    done(town.poster.submit(entry(1, Credit(a, MAX_AMOUNT))))

    answers = settled(
        [town.poster.submit(pay(*((a, b) if n % 2 == 0 else (b, a)), MAX_AMOUNT))
         for n in range(2 * FITS + 10)]
    )  # fmt: skip

    refused = [each for each in answers if isinstance(each, Exception)]
    assert refused
    assert TooMuchInAll in {type(each) for each in refused}
    assert town.balance(a) + town.balance(b) == MAX_AMOUNT


def test_open_holds_count_until_they_are_given_back(town: Town) -> None:
    payer, shop = town.account(low=None), town.account()

    made = [held(town, payer, shop, MAX_AMOUNT) for _ in range(3)]
    for _ in range(FITS - 3):
        town.poster.submit(pay(payer, shop, MAX_AMOUNT))
    over = held(town, payer, shop, MAX_AMOUNT)
    ids = [each.transfer_ids[0] for each in made]  # type: ignore[attr-defined]
    done(town.poster.submit(Settle(ids[0])))
    done(town.poster.submit(Void(ids[1])))
    after = [held(town, payer, shop, MAX_AMOUNT) for _ in range(2)]

    assert isinstance(over, TooMuchInAll)
    assert not isinstance(after[0], Exception)
    assert isinstance(after[1], TooMuchInAll)


def test_waste_that_was_weighed_is_kept_when_the_issuer_can_mint_no_more(town: Town) -> None:
    members = [town.account() for _ in range(2)]
    entries = [entry(n, Credit(members[0], MAX_AMOUNT)) for n in range(FITS)]
    done(town.poster.submit_all(entries))

    credit, suspend = settled(
        [town.poster.submit(entry(5_000, Credit(members[1], MAX_AMOUNT))),
         town.poster.submit(entry(5_001, Suspend(MAX_AMOUNT)))]
    )  # fmt: skip
    word = settled([town.poster.submit(Resolution(1, EPOCH, 5_000, members[1], "seen", "s:1"))])
    small = done(town.poster.submit(entry(5_002, Credit(members[1], 9))))

    assert (credit.outcome, credit.reason) == ("held", "too_much_in_all")  # type: ignore[union-attr]
    assert (suspend.outcome, suspend.transfer_id) == ("suspended", None)  # type: ignore[union-attr]
    assert isinstance(word[0], TooMuchInAll)
    assert small.outcome == "credited"
    assert (town.balance(ISSUER), town.balance(SUSPENSE)) == (-FITS * MAX_AMOUNT - 9, 0)


def test_a_claim_that_cannot_be_counted_waits_and_holds_up_nobody(town: Town) -> None:
    member, other = town.account(), town.account()
    done(town.poster.submit_all([entry(n, Credit(member, MAX_AMOUNT)) for n in range(FITS - 1)]))
    town.clock.now_us += 100 * 1_000_000
    first, second = (NOW_S + 50, NOW_S + 200), (NOW_S + 200, NOW_S + 400)
    done(town.poster.submit(SetBudget(*first, 0, "council")))
    for seq, amount in ((6_000, MAX_AMOUNT), (6_001, MAX_AMOUNT), (6_002, 5)):
        queued = done(town.poster.submit(entry(seq, Credit(other, amount), effective_s=seq)))
        assert queued.outcome == "queued"

    one = done(town.poster.submit(SetBudget(*first, MAX_AMOUNT, "council")))
    town.clock.now_us += 150 * 1_000_000
    passed = done(town.poster.submit(SetBudget(*second, MAX_AMOUNT, "council")))
    done(town.poster.submit(PayClaims()))

    assert (one, passed) == (1, 1)
    assert town.balance(other) == MAX_AMOUNT + 5


@pytest.mark.parametrize("amount", [2**30, 2**30 + 1])
def test_nothing_is_read_for_amounts_that_cannot_fill_a_counter(
    town: Town, amount: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    payer, shop = town.account(low=None), town.account()
    whole = loading.turned

    def noted(*args: Any) -> Any:
        asked.append(amount)
        return whole(*args)

    monkeypatch.setattr(loading, "turned", noted)
    done(town.poster.submit(pay(payer, shop, amount)))

    assert bool(asked) == (amount > LARGE)
