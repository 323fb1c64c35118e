"""A drill that is killed leaves nothing running: real drills, real signals, real servers."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from farz.processes import ROOT, await_until

BEGUN_S, GONE_S = 120.0, 30.0
SEED = str(10**9 + os.getpid())  # on the command line of what gets no environment
DRILLS = {
    # What it has running at its height: pieces of command lines.
    "kill": (("--engine", "postgresql", "--runs", "500"), {"postgres", "farz"}),
    "restart": (("--runs", "500"), {"mosquitto", "micropython", "serve", "edge_gateway"}),
    "scale": (("--runs", "100000"), {"micropython"}),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one, for sockets; whoever the database server runs as may go through it."""
    with tempfile.TemporaryDirectory(prefix="fg", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def children(folder: Path, drill: int) -> dict[int, str]:
    """Whatever runs on behalf of a drill whose temporary files lie in a folder, by process id."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = " ".join(process.cmdline())
            there = process.environ().get("TMPDIR") == str(folder)
            mine = there or str(folder) in command or SEED in command
            if mine and process.pid != drill and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = command
    return found


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *((name, number) for name in DRILLS for number in (signal.SIGTERM, signal.SIGKILL)),
        ("scale", signal.SIGINT),
    ],
)
def test_a_killed_drill_takes_everything_down_with_it(
    name: str, number: signal.Signals, folder: Path
) -> None:
    words, wanted = DRILLS[name]
    command = [sys.executable, "-m", "farz", "drill", name, "--seed", SEED, *words]
    env = {**os.environ, "TMPDIR": str(folder)}
    with (folder / "said").open("wb") as said:
        drill = subprocess.Popen(command, cwd=ROOT, env=env, stdout=said, stderr=said)
    try:

        def at_its_height() -> bool:
            assert drill.poll() is None, (folder / "said").read_text()
            running = " ".join(children(folder, drill.pid).values())
            return all(each in running for each in wanted)

        await_until(at_its_height, BEGUN_S, f"the drill {name}")
        drill.send_signal(number)
        code = drill.wait(GONE_S)
        await_until(lambda: not children(folder, drill.pid), GONE_S, "the end of all it had")
    finally:
        drill.kill()
        for pid in children(folder, drill.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def left() -> set[str]:
        # What the database's package keeps for every process of this user is no drill's.
        return {each.name for each in folder.iterdir() if not each.name.startswith("runtime-")}

    await_until(lambda: left() <= {"said", "farz-tests-postgres.lock"}, GONE_S, f"{left()} to go")
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
        return
    assert code == 128 + number
    assert "what was started is stopped" in (folder / "said").read_text()
