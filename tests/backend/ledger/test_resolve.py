"""Laws of what waits: held, suspended and queued records, budgets and the claims on them."""

import pytest
from sqlalchemy import select

from backend import db
from backend.ledger import accounts, errors, loading
from backend.ledger import tables as t
from backend.ledger.resolve import Amend, PayClaims, Resolution, SetBudget
from backend.ledger.transfers import Credit, Hold, Suspend
from tests.backend.ledger.town import EPOCH, NOW_S, Town, done, entry, pay

DAY_S = 86_400


def decide(seq: int, account_id: int | None, amount: int | None = None) -> Resolution:
    return Resolution(1, EPOCH, seq, account_id, "looked at", "staff:1", amount)


def budget(amount: int, from_s: int = NOW_S - DAY_S, until_s: int = NOW_S + DAY_S) -> SetBudget:
    return SetBudget(from_s, until_s, amount, "council")


def test_a_held_record_is_credited_once_a_person_has_decided(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(entry(1, Hold("new_epoch", account_id=member, amount=70))))

    resolved = done(town.poster.submit(decide(1, member)))
    with pytest.raises(errors.NotResolvable):
        done(town.poster.submit(decide(1, member)))

    assert (resolved.outcome, resolved.amount) == ("credited", 70)
    assert town.balance(member) == 70


def test_a_held_record_may_be_given_another_amount(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(entry(1, Hold("interrupted"))))

    done(town.poster.submit(decide(1, member, 33)))

    assert town.balance(member) == 33


def test_two_decisions_in_one_batch_count_once(town: Town) -> None:
    one, other = town.account(), town.account()
    done(town.poster.submit(entry(1, Hold("new_epoch", amount=70))))
    with db.begin(town.engine) as conn:
        conn.execute(select(t.ledger_head).with_for_update())
        futures = [town.poster.submit(decide(1, one)), town.poster.submit(decide(1, other))]

    done(futures[0])
    with pytest.raises(errors.NotResolvable):
        done(futures[1])
    assert (town.balance(one), town.balance(other)) == (70, 0)


def test_suspense_is_claimed_by_the_one_whose_card_it_was(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(entry(1, Suspend(70))))

    resolved = done(town.poster.submit(decide(1, member)))

    assert resolved.outcome == "credited"
    assert (town.balance(accounts.SUSPENSE), town.balance(member)) == (0, 70)
    assert town.balance(accounts.ISSUER) == -70


def test_a_refused_suspended_record_is_taken_back(town: Town) -> None:
    done(town.poster.submit(entry(1, Suspend(70))))

    resolved = done(town.poster.submit(decide(1, None)))

    assert resolved.outcome == "refused"
    assert (town.balance(accounts.SUSPENSE), town.balance(accounts.ISSUER)) == (0, 0)
    with db.read(town.engine) as conn:
        assert conn.scalars(select(t.transfer.c.corrects_id)).all() == [None, 1]


def test_only_a_held_record_takes_another_amount(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(entry(1, Suspend(70))))

    with pytest.raises(errors.NotResolvable):
        done(town.poster.submit(decide(1, member, 7_000)))


def test_a_credited_record_is_not_resolved_again(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(entry(1, Credit(member, 70))))

    with pytest.raises(errors.NotResolvable):
        done(town.poster.submit(decide(1, member)))
    with pytest.raises(errors.UnknownRecord):
        done(town.poster.submit(decide(2, member)))


def test_a_record_cannot_be_credited_in_another_currency(town: Town) -> None:
    heap = town.account(currency=accounts.COMPOST)
    done(town.poster.submit(entry(1, Hold("new_epoch", amount=70))))

    with pytest.raises(errors.CurrencyMismatch):
        done(town.poster.submit(decide(1, heap)))


def test_without_a_budget_there_is_no_limit(town: Town) -> None:
    member = town.account()

    assert done(town.poster.submit(entry(1, Credit(member, 10**9)))).outcome == "credited"


def test_beyond_the_budget_waste_is_queued_and_paid_in_order_when_funds_come(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(100)))
    outcomes = [
        done(town.poster.submit(entry(seq, Credit(member, 60), effective_s=NOW_S - seq))).outcome
        for seq in (1, 2, 3)
    ]
    small = done(town.poster.submit(entry(4, Credit(member, 1), effective_s=NOW_S)))

    assert outcomes == ["credited", "queued", "queued"]
    assert (small.outcome, small.reason) == ("queued", "no_budget"), "nobody overtakes the queue"
    assert town.balance(member) == 60

    paid = done(town.poster.submit(budget(160)))

    assert paid == 1
    with db.read(town.engine) as conn:
        assert conn.scalars(select(t.resolution.c.seq)).all() == [3], "the earliest deposit first"
    assert done(town.poster.submit(budget(1_000))) == 2
    assert town.balance(member) == 181
    assert done(town.poster.submit(entry(5, Credit(member, 9)))).outcome == "credited"


def test_a_known_queued_record_keeps_its_outcome_after_it_was_paid(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(0)))
    first = done(town.poster.submit(entry(1, Credit(member, 60))))
    done(town.poster.submit(budget(60)))

    again = done(town.poster.submit(entry(1, Credit(member, 60))))

    assert (first.outcome, again.outcome, again.known) == ("queued", "queued", True)
    assert town.balance(member) == 60


def test_a_budget_set_in_mid_period_counts_what_was_minted_before(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(entry(1, Credit(member, 60))))

    done(town.poster.submit(budget(100)))

    assert done(town.poster.submit(entry(2, Credit(member, 60)))).outcome == "queued"


def test_the_next_periods_budget_pays_the_claims_of_the_last(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(0, until_s=NOW_S + DAY_S)))
    done(town.poster.submit(budget(100, NOW_S + DAY_S, NOW_S + 2 * DAY_S)))
    assert done(town.poster.submit(entry(1, Credit(member, 60)))).outcome == "queued"

    town.clock.now_us += DAY_S * 1_000_000

    assert done(town.poster.submit(PayClaims())) == 1
    assert town.balance(member) == 60


def test_no_batch_lies_across_the_end_of_a_period(town: Town) -> None:
    """Each row is recorded a microsecond after the one before, and charged to that moment."""
    member, edge_s = town.account(), NOW_S + 60
    done(town.poster.submit(budget(100, until_s=edge_s)))
    done(town.poster.submit(budget(100, edge_s, edge_s + 60)))
    town.clock.now_us = edge_s * 1_000_000 - 1_010  # a look at the clock takes a millisecond

    done(town.poster.submit_all([entry(seq, Credit(member, 1)) for seq in range(20)]))

    with db.read(town.engine) as conn:
        assert conn.scalars(select(t.budget.c.spent).order_by(t.budget.c.from_s)).all() == [0, 20]


def test_after_the_last_period_waste_is_queued(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(100, until_s=NOW_S + 60)))
    town.clock.now_us += 61 * 1_000_000

    assert done(town.poster.submit(entry(1, Credit(member, 60)))).outcome == "queued"


def test_waste_for_suspense_is_not_minted_without_budget_but_can_be_resolved(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(0)))

    suspended = done(town.poster.submit(entry(1, Suspend(70))))
    queued = done(town.poster.submit(decide(1, member)))
    done(town.poster.submit(budget(70)))

    assert (suspended.outcome, suspended.transfer_id) == ("suspended", None)
    assert queued.outcome == "queued"
    assert town.balance(member) == 70


def test_a_queued_claim_can_be_refused_and_is_never_paid(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(0)))
    done(town.poster.submit(entry(1, Credit(member, 60))))

    done(town.poster.submit(decide(1, None)))

    assert done(town.poster.submit(budget(1_000))) == 0
    assert town.balance(member) == 0


def test_two_budgets_do_not_share_a_day(town: Town) -> None:
    done(town.poster.submit(budget(100)))

    with pytest.raises(errors.BudgetOverlap):
        done(town.poster.submit(budget(100, NOW_S, NOW_S + 9 * DAY_S)))
    with pytest.raises(errors.BudgetOverlap):
        done(town.poster.submit(budget(100, NOW_S - 9 * DAY_S, NOW_S - 8 * DAY_S)))
    with pytest.raises(errors.BadAmount):
        done(town.poster.submit(budget(-1, NOW_S + DAY_S, NOW_S + 2 * DAY_S)))


def test_a_hundred_times_more_claims_than_a_batch_pays_are_paid_in_turns(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(0)))
    done(town.poster.submit_all([entry(n, Credit(member, 1)) for n in range(600)]))

    paid = [done(town.poster.submit(budget(1_000)))]
    while paid[-1]:
        paid.append(done(town.poster.submit(PayClaims())))

    assert sum(paid) == 600
    assert town.balance(member) == 600


def test_a_claim_that_any_batch_would_pay_is_paid_once_by_a_new_budget(town: Town) -> None:
    member, other = town.account(high=50), town.account(funds=50)
    done(town.poster.submit(SetBudget(NOW_S - 10, NOW_S + 10**6, 50, "council")))
    town.book(entry(1, Credit(member, 30)))
    done(town.poster.submit(pay(other, member, 50)))
    done(town.poster.submit(SetBudget(NOW_S - 10, NOW_S + 10**6, 1000, "council")))
    assert town.balance(member) == 50, "its maximum keeps the claim waiting"
    done(town.poster.submit(Amend(member, 0, None)))

    # The claim is paid as the batch is loaded; the budget must not pay it once more.
    done(town.poster.submit(SetBudget(NOW_S - 10, NOW_S + 10**6, 2000, "council")))

    assert town.balance(member) == 80


def test_a_closed_account_pays_nothing_and_its_waste_is_suspended(town: Town) -> None:
    member, other = town.account(funds=100), town.account()

    done(town.poster.submit(Amend(member, 0, None, closed=True)))

    with pytest.raises(errors.AccountClosed):
        done(town.poster.submit(pay(member, other, 1)))
    outcome = done(town.poster.submit(entry(1, Credit(member, 5))))
    assert (outcome.outcome, outcome.reason) == ("suspended", "account_closed")


def test_a_credit_line_is_a_negative_minimum(town: Town) -> None:
    member, other = town.account(), town.account()
    done(town.poster.submit(Amend(member, -50, None)))

    done(town.poster.submit(pay(member, other, 50)))
    with pytest.raises(errors.InsufficientFunds):
        done(town.poster.submit(pay(member, other, 1)))
    done(town.poster.submit(Amend(member, 0, None)))
    with pytest.raises(errors.InsufficientFunds):
        done(town.poster.submit(pay(member, other, 1)))

    assert town.balance(member) == -50


def test_nobody_overtakes_a_claim_of_the_same_batch(town: Town) -> None:
    member = town.account()
    done(town.poster.submit(budget(100)))

    asked = town.poster.submit_all(
        [entry(n, Credit(member, amount)) for n, amount in enumerate((60, 60, 30))]
    )

    assert [each.outcome for each in done(asked)] == ["credited", "queued", "queued"]


def test_claims_of_full_accounts_hold_up_nobody_however_many_they_are(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "CLAIMS", 2)
    full, member = town.account(high=50), town.account()
    done(town.poster.submit(budget(0)))
    done(town.poster.submit_all([entry(seq, Credit(full, 30)) for seq in range(1, 8)]))
    done(town.poster.submit(entry(8, Credit(member, 30))))

    done(town.poster.submit(budget(1_000)))
    while done(town.poster.submit(PayClaims())):
        pass
    later = done(town.poster.submit(entry(9, Credit(member, 5))))

    assert (town.balance(full), town.balance(member)) == (30, 35)
    assert later.outcome == "credited"
    done(town.poster.submit(pay(full, member, 30)))
    assert done(town.poster.submit(PayClaims())) + done(town.poster.submit(PayClaims())) == 1
