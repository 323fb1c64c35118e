"""A running synthetic town on each engine, or on the default one alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend import village


@pytest.fixture
def town(tmp_path: Path, database_url: str) -> Iterator[village.Town]:
    """On SQLite and on PostgreSQL in turn."""
    with village.town(tmp_path, database_url) as made:
        yield made


@pytest.fixture
def small_town(tmp_path: Path) -> Iterator[village.Town]:
    """On the default database: for what does not depend on the engine."""
    with village.town(tmp_path, "") as made:
        yield made
