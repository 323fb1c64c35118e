"""A running synthetic town on each engine, or on the default one alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend import village


@pytest.fixture
def town(tmp_path: Path, migrated_url: str) -> Iterator[village.Town]:
    """On SQLite and on PostgreSQL in turn."""
    with village.town(tmp_path, migrated_url) as made:
        yield made


@pytest.fixture
def small_town(tmp_path: Path, migrated_file: Path) -> Iterator[village.Town]:
    """On SQLite alone: for what does not depend on the engine."""
    shutil.copy(migrated_file, tmp_path / "town.db")
    with village.town(tmp_path, f"sqlite:///{tmp_path}/town.db") as made:
        yield made
