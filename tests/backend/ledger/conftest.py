"""The town that the ledger's tests live in."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from backend import db
from backend.ledger.verify import verify
from tests.backend.ledger.town import TOWN, Town


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    """An opened ledger with a running poster, on each engine in turn; the books fit at the end."""
    made = Town(engine)
    yield made
    made.close()
    with db.read(engine) as conn:
        report = verify(conn, TOWN)
    assert report.ok or made.spoiled, report.problems
