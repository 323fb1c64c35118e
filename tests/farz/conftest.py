"""A shell on an empty data directory, and one on a town that was founded."""

import shutil
from pathlib import Path

import pytest

from tests.farz.shell import Shell


@pytest.fixture
def farz(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "town")


@pytest.fixture(scope="session")
def a_founded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Founded once, to copy from."""
    made = Shell(tmp_path_factory.mktemp("founded") / "town")
    made.done("init", "Test village (synthetic)", typed="a password for the first\n")
    return made.folder


@pytest.fixture
def founded(farz: Shell, a_founded_folder: Path) -> Shell:
    shutil.copytree(a_founded_folder, farz.folder)
    return farz
