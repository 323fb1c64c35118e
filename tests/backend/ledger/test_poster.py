"""Laws of the poster, on both engines."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from backend.ledger.transfers import Credit

from tests.backend.ledger.town import Town, done, entry


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    made = Town(engine)
    yield made
    made.close()


def test_same_record_twice_credits_once(town: Town) -> None:
    member = town.account()

    first = done(town.poster.submit(entry(1, Credit(member, 250))))
    again = done(town.poster.submit(entry(1, Credit(member, 250))))

    assert (first.outcome, first.amount, first.known) == ("credited", 250, False)
    assert (again.outcome, again.amount, again.known) == ("credited", 250, True)
    assert again.transfer_id == first.transfer_id
    assert town.balance(member) == 250
