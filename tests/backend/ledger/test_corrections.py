"""Laws of corrections: they go back the way something came, and take back no more than that."""

import pytest
from sqlalchemy import func, select

from backend import db
from backend.ledger import errors
from backend.ledger import tables as t
from backend.ledger.transfers import Code, Group, HoldTerms, Leg
from backend.ledger.verify import verify
from tests.backend.ledger.town import NOW_S, TOWN, Town, done, pay


def back(debit: int, credit: int, amount: int, of: int, hold: HoldTerms | None = None) -> Leg:
    return Leg(debit, credit, amount, Code.CORRECT, corrects_id=of, hold=hold)


@pytest.fixture
def paid(town: Town) -> tuple[int, int, int]:
    """(payer, payee, the transfer of 30 between them)."""
    one, two = town.account(100), town.account(100)
    return one, two, done(town.poster.submit(pay(one, two, 30))).transfer_ids[0]


def test_corrections_together_take_back_no_more_than_was_moved(
    town: Town, paid: tuple[int, int, int]
) -> None:
    one, two, number = paid
    done(town.poster.submit(Group((back(two, one, 20, number),), NOW_S)))

    with pytest.raises(errors.BadCorrection, match="10 can still be taken back"):
        done(town.poster.submit(Group((back(two, one, 11, number),), NOW_S)))
    done(town.poster.submit(Group((back(two, one, 10, number),), NOW_S)))

    assert (town.balance(one), town.balance(two)) == (100, 100)
    with pytest.raises(errors.BadCorrection):
        done(town.poster.submit(Group((back(two, one, 1, number),), NOW_S)))


def test_corrections_in_one_group_and_in_one_batch_are_counted_together(
    town: Town, paid: tuple[int, int, int]
) -> None:
    one, two, number = paid
    twice = Group((back(two, one, 20, number), back(two, one, 20, number)), NOW_S)
    once = Group((back(two, one, 20, number),), NOW_S)

    answers = done(town.poster.submit_all([twice, once, once]))

    assert [type(a).__name__ for a in answers] == ["BadCorrection", "Posted", "BadCorrection"]
    assert town.balance(one) == 90


def test_a_refused_group_takes_nothing_off_what_may_be_corrected(
    town: Town, paid: tuple[int, int, int]
) -> None:
    one, two, number = paid
    too_much = Group((back(two, one, 30, number), Leg(two, one, 1_000, Code.PAY)), NOW_S)

    answers = done(town.poster.submit_all([too_much, Group((back(two, one, 30, number),), NOW_S)]))

    assert isinstance(answers[0], errors.InsufficientFunds)
    assert town.balance(one) == 100


def test_a_correction_is_no_reservation(town: Town, paid: tuple[int, int, int]) -> None:
    one, two, number = paid
    reserved = back(two, one, 30, number, HoldTerms(NOW_S + 60))

    with pytest.raises(errors.BadCorrection):
        done(town.poster.submit(Group((reserved,), NOW_S)))


def test_the_verifier_finds_what_was_taken_back_twice(
    town: Town, paid: tuple[int, int, int]
) -> None:
    one, two, number = paid
    done(town.poster.submit(Group((back(two, one, 30, number),), NOW_S)))
    # What no poster would book: the same correction a second time.
    town.spoiled = True
    with db.begin(town.engine) as conn:
        row = dict(
            conn.execute(select(t.transfer).where(t.transfer.c.id == number + 1)).one()._mapping
        )
        last = conn.scalar(select(func.max(t.transfer.c.recorded_us)))
        row |= {"id": number + 2, "group_id": number + 2, "recorded_us": last + 1}
        conn.execute(t.transfer.insert().values(row))
    with db.read(town.engine) as conn:
        report = verify(conn, TOWN)

    assert any("more was taken back" in problem.words for problem in report.problems)
