"""Fixtures of every room live in tests/fixtures, one file a kind of real part."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = [
    "tests.fixtures.databases",
    "tests.fixtures.statements",
    "tests.fixtures.passwords",
    "tests.fixtures.brokers",
    "tests.fixtures.micropython",
    "tests.fixtures.time_series",
    "tests.fixtures.towns",
]

HERE = Path(__file__).parent
# Their files take longest, each in one process: begun first, none of them is waited for at the end.
LONG_ROOMS = ("faults", "firmware", "farz", "browser", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] not in LONG_ROOMS)


@pytest.fixture(scope="module", autouse=True)
def own_surroundings() -> Iterator[None]:
    """A village sets variables for what it starts; those of one file are not the next one's."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
