"""A PostgreSQL that was killed is given the time that it needs to recover."""

import subprocess
from collections.abc import Iterator

import pytest

from farz.errors import FarzError
from farz.postgres import patiently, running


def test_a_server_that_recovers_for_long_is_waited_for() -> None:
    said: Iterator[BaseException | None] = iter(
        (subprocess.TimeoutExpired("pg_ctl", 10), AssertionError("starting"), None)
    )

    def start() -> None:
        if error := next(said):
            raise error

    patiently(start, pause_s=0)
    assert next(said, "no more") == "no more"


def test_another_fault_is_not_hidden() -> None:
    def start() -> None:
        raise subprocess.CalledProcessError(1, "pg_ctl")

    with pytest.raises(subprocess.CalledProcessError):
        patiently(start, pause_s=0)


def test_a_server_that_never_comes_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farz.postgres._RECOVERY_S", 0.05)

    def start() -> None:
        raise AssertionError("starting")

    with pytest.raises(FarzError, match="did not come back"):
        patiently(start, pause_s=0.01)


def test_a_killed_server_starts_again() -> None:
    with running() as server:
        server.kill()
        server.start()
