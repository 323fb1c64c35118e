"""`farz serve` tells systemd when it can be reached, and that it lives, as sd_notify(3) says."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from edge_gateway import attest
from farz.processes import ROOT, free_port
from tests.farz.shell import Shell

WAIT_S = 60


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(WAIT_S)
        yield listener


def _run(systemd: socket.socket, words: list[str], **env: str) -> subprocess.Popen[bytes]:
    told = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "400000"}
    command = [sys.executable, "-m", "farz", *words]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **told, **env}, stderr=subprocess.DEVNULL
    )


def _stopped(systemd: socket.socket, running: subprocess.Popen[bytes]) -> int:
    running.send_signal(signal.SIGTERM)
    with suppress(TimeoutError):
        while systemd.recv(64) != b"STOPPING=1":
            pass
    return running.wait(WAIT_S)


def test_a_backend_says_when_it_can_be_reached_and_lives(
    founded: Shell, systemd: socket.socket
) -> None:
    port = free_port()
    words = ["--data-dir", str(founded.folder), "serve", "--port", str(port)]
    running = _run(systemd, words)
    try:
        assert systemd.recv(64) == b"READY=1"
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            assert answer.status == 200
        assert [systemd.recv(64) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        # uvicorn ends by the signal it was sent, which systemd takes for well.
        assert _stopped(systemd, running) in (0, -signal.SIGTERM)
    finally:
        running.kill()


def test_a_gateway_does_so_too(tmp_path: Path, systemd: socket.socket) -> None:
    attest.init(tmp_path / "gateway")
    env = {"FARZ_GATEWAY_DATA_DIR": str(tmp_path / "gateway"), "FARZ_GATEWAY_HEALTH_PORT": "0"}
    env["FARZ_GATEWAY_BROKER_PORT"] = str(free_port())
    running = _run(systemd, ["gateway"], **env)
    try:
        assert systemd.recv(64) == b"READY=1"
        assert systemd.recv(64) == b"WATCHDOG=1"
        assert _stopped(systemd, running) == 0
    finally:
        running.kill()
