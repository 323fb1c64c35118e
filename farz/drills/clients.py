"""The clients of `kill`: each keeps a log of what it asked and what it was told.

Whatever was not answered is asked again, as a bin, a gateway or a till would do it.
"""

import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Client as connect
from pathlib import Path
from typing import Any

from backend.ledger.errors import NotNow
from backend.ledger.poster import Request
from farz.drills.load import Load
from farz.errors import PartFailed

PATIENCE_S = 60.0
RETRY_S = 0.03


class Till(threading.Thread):
    """One client: rounds of a mixed load until it is told to stop; then it finishes its round."""

    def __init__(
        self,
        socket: Path,
        load: Load,
        over: Callable[[], bool],
        work: Callable[[], list[Request]] | None = None,
    ) -> None:
        super().__init__(daemon=True)
        self.load = load
        self._work = work or load.everything
        self.asked: list[Request] = []
        self.told: dict[int, Any] = {}
        self.resent = 0
        self.failed: Exception | None = None
        self._socket = str(socket)
        self._over = over
        self._sent: set[int] = set()

    def run(self) -> None:
        try:
            while not self._over():
                requests = self._work()
                self.load.told(requests, self.ask(requests))
        except Exception as error:
            self.failed = error

    def ask(self, requests: list[Request]) -> list[Any]:
        """Asks until every request has its answer. Raises PartFailed after `PATIENCE_S`."""
        first = len(self.asked)
        self.asked += requests
        waiting = set(range(first, len(self.asked)))
        deadline_s = time.monotonic() + PATIENCE_S
        while waiting:
            if time.monotonic() > deadline_s:
                raise PartFailed(f"{len(waiting)} requests had no answer in {PATIENCE_S:.0f} s")
            try:
                self._talk(waiting)
            except (EOFError, OSError):
                time.sleep(RETRY_S)
        return [self.told[number] for number in range(first, len(self.asked))]

    def _talk(self, waiting: set[int]) -> None:
        """One connection, until all is answered or the line is dead."""
        with connect(self._socket, "AF_UNIX") as line:
            for number in sorted(waiting):
                self.resent += number in self._sent
                self._sent.add(number)
                line.send((number, self.asked[number]))
            while waiting:
                if not line.poll(PATIENCE_S):
                    raise EOFError("no answer")
                number, answer = line.recv()
                if isinstance(answer, NotNow):
                    self.resent += 1
                    time.sleep(RETRY_S)
                    line.send((number, self.asked[number]))
                else:
                    self.told[number] = answer
                    waiting.discard(number)
