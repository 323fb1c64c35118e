"""A shell on an empty data directory, and one on a town that was founded."""

from pathlib import Path

import pytest

from tests.farz.shell import Shell


@pytest.fixture
def farz(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "town")


@pytest.fixture
def founded(farz: Shell) -> Shell:
    farz.done("init", "Test village (synthetic)", typed="a password for the first\n")
    return farz
