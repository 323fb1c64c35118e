"""Fixtures of every room live in tests/fixtures, one file a kind of real part."""

pytest_plugins = [
    "tests.fixtures.databases",
    "tests.fixtures.statements",
    "tests.fixtures.passwords",
    "tests.fixtures.brokers",
    "tests.fixtures.micropython",
    "tests.fixtures.time_series",
]
