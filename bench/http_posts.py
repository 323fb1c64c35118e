"""What durability costs at the counter: one durable POST over the same route without storage.

The real application under uvicorn takes redemptions over 64 keep-alive connections. Its limit is
the same application with a poster that answers at once (bench/http_server.py); both check
sign-in, input, product and person alike. Servers and load are processes of their own, rounds are
interleaved. Afterwards the books must hold every answer that was given.
"""

import json
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import func, select

from backend import db
from backend import tables as t
from backend.ledger.verify import verify
from bench.figures import Figures, of_rounds, report
from farz import guard, postgres
from farz.demo import say
from farz.errors import FarzError
from farz.processes import ROOT, Part, free_port, python

ROUNDS, SECONDS = 5, 4.0
CONNECTIONS = 64
ENGINES = ("sqlite", "postgresql")
DURABLE, STORELESS = "durable", "storeless"
AT_LEAST, AIM, P99_AT_LEAST = 0.60, 0.85, 0.5

Seen = dict[str, list[dict[str, Any]]]


def run(rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Return the bench's report, of both engines."""
    figures: Figures = {}
    for engine in ENGINES:
        figures |= measure(engine, rounds, seconds)
    return report("http-posts", figures)


def measure(engine: str, rounds: int = ROUNDS, seconds: float = SECONDS) -> Figures:
    """One engine's figures by name. FarzError if the books do not hold what was answered."""
    seen: Seen = {DURABLE: [], STORELESS: []}
    with ExitStack() as stack:
        base = stack.enter_context(guard.folder("farz-bench-"))
        servers = {how: Server(base / how, how) for how in seen}
        if engine == "postgresql":
            machine = stack.enter_context(postgres.server())
            for each in servers.values():
                each.url = stack.enter_context(postgres.database(machine))
        for each in servers.values():
            stack.callback(each.stop)
            each.start()
        for number in range(rounds):
            for how in (DURABLE, STORELESS) if number % 2 == 0 else (STORELESS, DURABLE):
                seen[how].append(servers[how].load(seconds, number))
                say(f"{engine}, round {number + 1} of {rounds}, {how}: {seen[how][-1]}")
        servers[DURABLE].stop()
        servers[DURABLE].check(sum(each["statuses"]["201"] for each in seen[DURABLE]))
    return _figures(engine, seen)


class Server:
    """One backend on a town of its own in `folder`; `url` names its database (empty: SQLite)."""

    def __init__(self, folder: Path, how: str) -> None:
        self.url = ""
        self._folder, self._how = folder, how
        self.port = free_port()
        self._part: Part

    def start(self) -> None:
        self._folder.mkdir()
        command = python("-m", "bench.http_server", self._how, str(self.port))
        env = {"FARZ_DATA_DIR": str(self._folder), "FARZ_DATABASE_URL": self.url}
        self._part = Part(self._how, command, self._folder / "log", env)
        self._part.start()
        self._part.await_ready(self._answers)

    def stop(self) -> None:
        self._part.stop()

    def load(self, seconds: float, number: int) -> dict[str, Any]:
        """What the load generator saw in a round. FarzError for any answer but 201."""
        order = json.loads((self._folder / "order.json").read_text()) | {"prefix": f"r{number}"}
        command = python("-m", "bench.http_load", str(self.port), str(CONNECTIONS), str(seconds))
        done = subprocess.run(
            command, input=json.dumps(order), capture_output=True, text=True, cwd=ROOT, check=False
        )
        if done.returncode != 0:
            raise FarzError(f"The load ended with code {done.returncode}: {done.stderr[-500:]}")
        seen: dict[str, Any] = json.loads(done.stdout)
        if set(seen["statuses"]) != {"201"}:
            raise FarzError(f"The {self._how} server answered {seen['statuses']}.")
        return seen

    def check(self, answered: int) -> None:
        """FarzError unless the books fit and hold as many redemptions as were answered."""
        url = self.url or f"sqlite:///{self._folder / 'books.sqlite'}"
        engine = db.create_engine(url, exclusive=False)
        try:
            with db.read(engine) as conn:
                held = conn.scalar(select(func.count()).select_from(t.redemption))
                books = verify(conn, 1)
        finally:
            engine.dispose()
        if held != answered or not books.ok:
            raise FarzError(f"{answered} were answered, {held} are held; {books.problems[:3]}")

    def _answers(self) -> bool:
        with (
            suppress(URLError, OSError),
            urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer,
        ):
            return bool(answer.status == 200)
        return False


def _figures(engine: str, seen: Seen) -> Figures:
    rounds = list(zip(seen[DURABLE], seen[STORELESS], strict=True))
    figures: Figures = {
        f"{engine}_durable_over_storeless": of_rounds(
            [durable["per_s"] / limit["per_s"] for durable, limit in rounds],
            "ratio", AT_LEAST, AIM,
        ),
        # at most twice the storeless route's p99, turned over
        f"{engine}_p99_storeless_over_durable": of_rounds(
            [limit["p99_ms"] / durable["p99_ms"] for durable, limit in rounds],
            "ratio", P99_AT_LEAST, 1.0,
        ),
    }  # fmt: skip
    for how, each in seen.items():
        for what, unit in (("per_s", "1/s"), ("p50_ms", "ms"), ("p99_ms", "ms")):
            figures[f"{engine}_{how}_{what}"] = of_rounds([s[what] for s in each], unit, digits=1)
    figures[f"{engine}_load_cpu"] = of_rounds(
        [each["cpu"] for both in rounds for each in both], "of one core"
    )
    return figures
