"""The books' server that `kill` kills: a real poster behind a Unix socket, in its own process.

`python -m farz.drills.server URL LEDGER SOCKET`. A client sends (number, request) and gets
(number, answer), in whatever order the answers come; an error is an answer too.
"""

import sys
import threading
import time
from concurrent.futures import Future
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any

from backend import db
from backend.ledger.errors import LedgerError
from backend.ledger.poster import Limits, Poster

# Short tails, so that folding is often under way when the end comes.
LIMITS = Limits(tail=4, issuer_tail=32)


def serve(url: str, ledger_id: int, socket: Path) -> None:
    """Serves until it is killed; there is no other end."""
    poster = Poster(db.create_engine(url), ledger_id, lambda: time.time_ns() // 1000, LIMITS)
    poster.start()
    socket.unlink(missing_ok=True)
    with Listener(str(socket), "AF_UNIX") as listener:
        while True:
            threading.Thread(target=_talk, args=(listener.accept(), poster), daemon=True).start()


def _talk(line: "Connection[Any, Any]", poster: Poster) -> None:
    busy = threading.Lock()

    def say(number: int, answer: Any) -> None:
        try:
            with busy:
                line.send((number, answer))
        except OSError:
            return  # the client is gone and will ask again

    def answered(number: int, future: "Future[Any]") -> None:
        say(number, future.exception() or future.result())

    while True:
        try:
            number, request = line.recv()
        except (EOFError, OSError):
            return
        try:
            future: Future[Any] = poster.submit(request)
        except LedgerError as error:
            say(number, error)
        else:
            future.add_done_callback(lambda f, n=number: answered(n, f))  # type: ignore[misc]


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
