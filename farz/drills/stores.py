"""Throw-away databases of the drills: SQLite files, or a PostgreSQL server that can be killed."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from farz import guard, postgres
from farz.drills import Engine


class Databases:
    """Lends one empty SQLite database after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of an empty database, which is gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            yield f"sqlite:///{name}/books.sqlite"

    def kill(self) -> bool:
        """kill -9 the database server and start it again; False where there is none."""
        return False


class ServerDatabases(Databases):
    """Databases of one PostgreSQL server, which runs with fsync on."""

    def __init__(self, folder: Path, server: postgres.Server) -> None:
        super().__init__(folder)
        self._server = server

    @contextlib.contextmanager
    def fresh(self) -> Iterator[str]:
        # A killed server syncs every file that it has before it answers again.
        with postgres.database(self._server.url) as url:
            yield url

    def kill(self) -> bool:
        self._server.kill()
        self._server.start()
        return True


@contextlib.contextmanager
def databases(engine: Engine) -> Iterator[Databases]:
    """Databases that are gone afterwards. Raises NotInstalled."""
    with guard.folder("fzd") as folder, contextlib.ExitStack() as stack:
        if engine == "sqlite":
            yield Databases(folder)
        else:
            yield ServerDatabases(folder, stack.enter_context(postgres.running()))
