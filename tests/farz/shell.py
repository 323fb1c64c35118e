"""The command line, typed at a town of one's own."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

from farz.processes import ROOT, Part

LONGEST_S = 300
# Commands are children of a process that has their modules already: each starts a second sooner.
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(["farz.__main__", "backend.app", "typer.rich_utils"])


class Shell:
    """Runs `farz` on one town; a password is typed on standard input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, typed: str = "") -> CompletedProcess[str]:
        command = ["farz", "--data-dir", str(self.folder), *words]
        with tempfile.TemporaryDirectory() as name:
            streams = [Path(name) / stream for stream in ("in", "out", "err")]
            streams[0].write_text(typed)
            child = _forking.Process(target=_run, args=(command, streams, dict(os.environ)))
            child.start()
            child.join(LONGEST_S)
            if child.exitcode is None:
                child.kill()
                raise TimeoutError(f"{command} took more than {LONGEST_S} s")
            out, err = (stream.read_text() for stream in streams[1:])
            return CompletedProcess(command, child.exitcode, out, err)

    def done(self, *words: str, typed: str = "") -> str:
        ended = self(*words, typed=typed)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def start(self, *words: str) -> Part:
        """Start a command that goes on until it is stopped."""
        command = [sys.executable, "-m", "farz", "--data-dir", str(self.folder), *words]
        part = Part(words[0], command, self.folder / f"{words[0]}.log")
        part.start()
        return part


def _run(command: list[str], streams: list[Path], environment: Mapping[str, str]) -> None:
    """In the child: as if the command had been typed at a shell in the project's folder."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for number, (stream, mode) in enumerate(zip(streams, "rww", strict=True)):
        with stream.open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    sys.argv = command
    from farz.__main__ import main

    main()
