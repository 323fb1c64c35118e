"""A running synthetic town on each engine in turn."""

import pytest

from tests.backend.village import Town


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest) -> Town:
    name = {"sqlite": "small_town", "postgresql": "large_town"}[request.param]
    made: Town = request.getfixturevalue(name)
    return made
