"""Throw-away databases of the drills: SQLite files, or a PostgreSQL server that can be killed."""

import contextlib
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from farz import postgres
from farz.drills import Engine


class Databases:
    """Makes one empty SQLite database after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def fresh(self) -> str:
        """The URL of an empty database."""
        return f"sqlite:///{self._folder}/books-{next(self._numbers)}.sqlite"

    def kill(self) -> bool:
        """kill -9 the database server and start it again; False where there is none."""
        return False


class ServerDatabases(Databases):
    """Databases of one PostgreSQL server, which runs with fsync on."""

    def __init__(self, folder: Path, server: postgres.Server) -> None:
        super().__init__(folder)
        self._server = server

    def fresh(self) -> str:
        name = f"books_{next(self._numbers)}"
        postgres.administer(self._server.url, f"CREATE DATABASE {name}")
        return postgres.named(self._server.url, name)

    def kill(self) -> bool:
        self._server.kill()
        self._server.start()
        return True


@contextlib.contextmanager
def databases(engine: Engine) -> Iterator[Databases]:
    """Databases that are gone afterwards. Raises NotInstalled."""
    with tempfile.TemporaryDirectory(prefix="fzd") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if engine == "sqlite":
            yield Databases(folder)
        else:
            yield ServerDatabases(folder, stack.enter_context(postgres.running()))
