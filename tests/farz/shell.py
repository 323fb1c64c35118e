"""The command line, typed at a town of one's own."""

import subprocess
import sys
from pathlib import Path

from farz.processes import ROOT, Part


class Shell:
    """Runs `farz` on one town; a password is typed on standard input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "farz", "--data-dir", str(self.folder), *words]
        return subprocess.run(
            command, input=typed, cwd=ROOT, capture_output=True, text=True, timeout=300
        )

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
