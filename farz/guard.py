"""What a drill or demo has started ends with it, however it ends.

A signal that ends it is raised as an exception, so that everything is taken down in order. For
kill -9 there is a guard, a small process at the other end of a pipe: the system closes the pipe
with the process that holds it, and then the guard ends whatever was left to it and takes the
temporary folders away.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
REMOVE_S = 10.0  # a database server that was told to stop still writes for a moment
_pipes: dict[int, IO[str]] = {}  # by the process that started it: a fork has none


class Ended(BaseException):
    """A signal asked for the end; `code` is what a shell calls it."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by signal {number}")
        self.code = 128 + number


@contextlib.contextmanager
def ends_in_order() -> Iterator[None]:
    """Everything inside is taken down when a signal comes; then the process ends with its code."""

    def end(number: int, _frame: object) -> None:
        for each in ENDING:
            signal.signal(each, signal.SIG_IGN)  # what takes down is not taken down
        raise Ended(number)

    before = {each: signal.signal(each, end) for each in ENDING}
    try:
        yield
    except Ended as ended:
        sys.stderr.write("ended; what was started is stopped\n")
        sys.stderr.flush()
        os._exit(ended.code)  # threads that wait for what is gone keep nobody
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that is gone afterwards, whatever the end."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    keep(made)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        let_go(made)


def keep(what: int | Path) -> None:
    """Leave to the guard a process group, a PostgreSQL server by its pid file, or a folder."""
    _tell(f"+{what}")


def let_go(what: int | Path) -> None:
    """It has ended by other hands."""
    _tell(f"-{what}")


def _tell(word: str) -> None:
    pipe = _pipes.get(os.getpid()) or _started()
    with contextlib.suppress(OSError, ValueError):  # without a guard all goes on as without one
        pipe.write(word + "\n")
        pipe.flush()


def _started() -> IO[str]:
    process = subprocess.Popen(
        [sys.executable, "-I", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.returncode = 0  # nobody waits for it: it outlives this process by a moment
    _pipes[os.getpid()] = process.stdin
    return process.stdin


def watch(lines: Iterator[str]) -> None:
    """The guard: note what is left to it, and end all of it when the lines end."""
    kept: dict[str, None] = {}
    for line in lines:
        what = line[1:].rstrip("\n")
        if line[0] == "+":
            kept[what] = None
        else:
            kept.pop(what, None)
    for what in kept:
        # A server that may not say goodbye to its clients (SIGQUIT) still takes its own down.
        with contextlib.suppress(OSError, ValueError):
            if what.isdigit():
                os.killpg(int(what), signal.SIGKILL)
            elif Path(what).is_file():
                os.kill(int(Path(what).read_text().split()[0]), signal.SIGQUIT)
    until_s = time.monotonic() + REMOVE_S
    while left := [each for each in kept if Path(each).is_dir() and not each.isdigit()]:
        for each in left:
            shutil.rmtree(each, ignore_errors=True)
        if time.monotonic() > until_s:
            return
        time.sleep(0.1)


if __name__ == "__main__":
    watch(iter(sys.stdin.readline, ""))
