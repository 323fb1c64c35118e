"""What a running backend is made of: built once by `opening.build_services`, handed to every route.

Service functions take a connection where they only touch rows, and `Services` where money
moves or a clock, a vault or a sign-in is needed. None of them commits.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from backend import db
from backend.access.audit import Audit
from backend.access.sessions import Sessions
from backend.counts import Counts
from backend.deposits.facts import Facts
from backend.ledger.poster import Poster
from backend.recovery.service import Guard
from backend.settings import Settings
from backend.telemetry import Series
from backend.towns import service as towns
from backend.vault import Vault
from backend.watching.metrics import Metrics

# Far more than a page or a report of a town takes.
READ_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    ledger_id: int
    engine: Engine
    poster: Poster
    vault: Vault
    sessions: Sessions
    audit: Audit
    facts: Facts
    telemetry: Series
    recovery: Guard
    now_s: Callable[[], int]
    # What this process has answered since it started, by outcome or refusal.
    answered: Counts = field(default_factory=Counts)
    metrics: Metrics = field(default_factory=Metrics)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with db.read(self.engine, READ_LIMIT_S) as conn:
            yield conn

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at its end, undone by an error.

        One at a time in a town, also on PostgreSQL, so that 'is it there? then add it' holds.
        The books are not touched by it: the poster has a lock of its own.
        """
        with db.begin(self.engine) as conn:
            towns.lock(conn, self.ledger_id)
            yield conn
