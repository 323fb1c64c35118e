"""The town that the ledger's tests live in."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.backend.ledger.town import Town


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    """An opened ledger with a running poster, on each engine in turn."""
    made = Town(engine)
    yield made
    made.close()
