"""Child processes of the demo, the drills and the benches: started, awaited, stopped by their id.

Each part writes its own log file; a part that dies is named together with its last lines.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from farz import guard
from farz.errors import PartFailed

ROOT = Path(__file__).resolve().parent.parent
STOP_S = 10.0
POLL_S = 0.05
READY_S = 120.0  # a busy machine is slow; a part that has died is told at once


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a TCP port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def await_until(ready: Callable[[], bool], limit_s: float, what: str) -> None:
    """Poll until `ready()`; PartFailed with `what` after `limit_s` seconds."""
    deadline_s = time.monotonic() + limit_s
    while not ready():
        if time.monotonic() > deadline_s:
            raise PartFailed(f"{what} did not happen within {limit_s:.0f} s")
        time.sleep(POLL_S)


def fallen(name: str, what: str, log: Path, last_words: str) -> str:
    """That a part did not start: what happened, where to read on, and what to do.

    Its log is copied to where it stays, for whoever started it may take its folder away.
    """
    handle, kept = tempfile.mkstemp(prefix=f"farz-{log.stem}-", suffix=".log")
    with os.fdopen(handle, "wb") as file:
        file.write(log.read_bytes() if log.exists() else b"")
    return (
        f"{name} did not start: it {what}. Its last words:\n{last_words or '(none)'}\n"
        f"Its whole log: {kept}. What is missing here is told, with its cure, by: farz doctor"
    )


class Part:
    """One child process with a log of its own; it can be killed and started again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs (or before it was started)."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        if self._process is not None:
            guard.let_go(self._process.pid)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C at the terminal reaches the front door alone
            )
        guard.keep(self._process.pid)

    def await_ready(self, ready: Callable[[], bool], limit_s: float = READY_S) -> None:
        """Wait for `ready()`; PartFailed with the log's end if the process dies before."""

        def settled() -> bool:
            return not self.running or ready()

        with contextlib.suppress(PartFailed):
            await_until(settled, limit_s, f"{self.name} getting ready")
        if not self.running or not ready():
            ended = f"ended with code {self.exit_code}"
            late = f"was not ready within {limit_s:.0f} s; is the machine busy?"
            raise PartFailed(
                fallen(self.name, late if self.running else ended, self.log, self.last_words())
            )

    def last_words(self, lines: int = 15) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def kill(self) -> None:
        """kill -9: what a power cut looks like to the process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what does not listen."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        guard.let_go(self._process.pid)


def finished(command: Sequence[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end and return what it said; it ends with this process at the latest."""
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        guard.keep(process.pid)
        try:
            out, error = process.communicate()
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
            guard.let_go(process.pid)
    return subprocess.CompletedProcess(command, process.returncode, out, error)


def python(*arguments: str) -> list[str]:
    """The command line of this very interpreter."""
    return [sys.executable, *arguments]
