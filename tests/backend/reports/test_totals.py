"""Sums for the pages count each deposit once, by the last word on it."""

from backend.deposits import resolving
from backend.reports import totals
from tests.backend.village import AMAL, STRANGER, Town


def decide(town: Town, seq: int, person_id: int | None) -> None:
    resolving.resolve(
        town.services,
        town.bin.device,
        town.bin.epoch,
        seq,
        person_id=person_id,
        reason="looked at",
        decided_by="staff:1",
    )


def test_the_last_word_on_a_deposit_is_what_counts(small_town: Town) -> None:
    town = small_town
    town.outcome(town.bin.deposit(uid=AMAL))
    town.outcome(town.bin.deposit(uid=AMAL, flags=["unstable"]))
    town.outcome(town.bin.deposit(uid=STRANGER))
    decide(town, 2, None)
    decide(town, 3, town.amal.id)
    with town.services.read() as conn:
        outcomes = totals.outcomes(conn, 1)
        mine = totals.of_person(conn, 1, town.amal.id)

    assert outcomes == {"credited": 2, "refused": 1}
    assert mine == [totals.FractionTotal("organic", 2, 4_000)]


def test_issued_is_redeemed_and_outstanding(small_town: Town) -> None:
    town = small_town
    town.outcome(town.bin.deposit(uid=AMAL))
    town.outcome(town.bin.deposit(uid=STRANGER))
    with town.services.read() as conn:
        money = totals.money(conn, 1)

    assert (money.issued, money.redeemed, money.suspended, money.outstanding) == (100, 0, 50, 100)
