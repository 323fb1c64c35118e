"""One poster per ledger: callers hand over requests, a thread books them in groups."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import overload

from sqlalchemy import Engine

from backend.ledger.resolve import (
    Amend,
    Amended,
    PayClaims,
    Resolution,
    Resolved,
    SetBudget,
)
from backend.ledger.transfers import Entry, Group, Outcome, Posted


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a poster: everything has one."""

    queue: int = 20_000
    batch: int = 1_024
    max_forward_s: int = 90 * 86_400
    max_back_s: int = 300


class Poster:
    """The one writer of a ledger."""

    def __init__(
        self,
        engine: Engine,
        ledger_id: int,
        now_us: Callable[[], int],
        limits: Limits = Limits(),
    ) -> None:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    @overload
    def submit(self, request: Entry) -> Future[Outcome]: ...
    @overload
    def submit(self, request: Group) -> Future[Posted]: ...
    @overload
    def submit(self, request: Resolution) -> Future[Resolved]: ...
    @overload
    def submit(self, request: Amend) -> Future[Amended]: ...
    @overload
    def submit(self, request: SetBudget | PayClaims) -> Future[int]: ...
    def submit(self, request: object) -> object:
        raise NotImplementedError

    def submit_entries(self, entries: Sequence[Entry]) -> list[Future[Outcome]]:
        raise NotImplementedError
