"""A running synthetic town with its pages."""

import pytest

from tests.backend.village import Town


@pytest.fixture
def town(town_with_pages: Town) -> Town:
    return town_with_pages
