"""What a running backend is made of: built once by `app.create_app`, handed to every route.

Service functions take a connection where they only touch rows, and `Services` where money
moves or a clock, a vault or a sign-in is needed. None of them commits.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from backend import db
from backend.access.sessions import Sessions
from backend.deposits.facts import Facts
from backend.ledger.poster import Poster
from backend.settings import Settings
from backend.telemetry import TimeSeries
from backend.vault import Vault


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    ledger_id: int
    engine: Engine
    poster: Poster
    vault: Vault
    sessions: Sessions
    facts: Facts
    telemetry: TimeSeries
    now_s: Callable[[], int]
    # What this process has answered since it started, by outcome or refusal.
    answered: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with db.read(self.engine) as conn:
            yield conn

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at its end, undone by an error."""
        with db.begin(self.engine) as conn:
            yield conn
