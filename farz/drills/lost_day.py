"""`lost-day`: a village is backed up while it runs, goes on, and loses everything but the backup.

The backend is killed, its data and its database are destroyed, yesterday's backup is restored, and
the day that is missing is got back from the gateway; in every second run the gateway's disk is
lost too, and the bins' flash is all there is. Then flash and books are compared.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import make_url

from backend import db
from backend.ledger.verify import verify
from backend.recovery import service as recovery
from backend.settings import Settings
from farz import backups, guard, postgres
from farz.books import Booked, booked
from farz.demo import SETTLE_S, await_bins, say
from farz.drills import Engine
from farz.processes import await_until
from farz.reckoning import Reckoning, reckon
from farz.restoring import Restored, restore
from farz.stage import Pace, Stage, raise_for
from farz.town import open_books
from farz.village import build

BINS, DEPOSITS = 2, 60
BACKED_UP_AT = 4  # one deposit of so many: most of the run is still to come
DAY_S = 86_400
CAUGHT_UP_S = 120.0


@dataclass
class Lost:
    """One village's way through the loss of its books."""

    backup: Path
    in_backup: int = -1
    before: int = 0
    refused: str = ""
    relayed: int = 0
    restored: Restored | None = None
    truth: Reckoning = field(default_factory=Reckoning)
    books: Booked | None = None
    right: bool = False


def run(runs: int, seed: int, engine: Engine) -> dict[str, Any]:
    """Lose the books of so many villages, and count what did not come back or came twice."""
    report: dict[str, Any] = {"lost": 0, "doubled": 0, "conserved": True, "struck": True}
    report |= {"deposits": 0, "gone": 0, "relayed": 0, "new_logs": 0}
    for number in range(runs):
        say(f"run {number + 1} of {runs}, seed {seed + number}")
        done = lose_a_day(seed + number, engine, gateway_too=number % 2 == 1)
        assert done.books is not None
        assert done.restored is not None
        gone = done.before - done.in_backup
        report["deposits"] += done.truth.made
        report["gone"] += gone
        report["relayed"] += done.relayed
        report["new_logs"] += bool(done.restored.new_log)
        report["lost"] += len(done.truth.names - done.books.names)
        paid = done.books.outcomes["credited"] + done.books.outcomes["suspended"]
        report["doubled"] += len(done.books.names - done.truth.names)
        report["doubled"] += max(0, done.books.mints - paid)
        report["conserved"] = report["conserved"] and agree(done)
        report["struck"] = report["struck"] and gone > 0 and done.refused == "recovering"
    return report


def agree(done: Lost) -> bool:
    """Tell whether flash and restored books say the same of every deposit and credit."""
    books, truth = done.books, done.truth
    return (
        books is not None
        and done.right
        and books.balanced
        and truth.names == books.names
        and truth.outcomes == books.outcomes
        and truth.minted == books.minted
    )


def lose_a_day(
    seed: int, engine: Engine, deposits: int = DEPOSITS, *, gateway_too: bool = False
) -> Lost:
    """One village: a part of a run, a backup, the rest, the loss, the way back."""
    village = build(seed, BINS, deposits)
    # Bins that are asked for their history have to be there still.
    pace = Pace(start_s=int(time.time()) - DAY_S, until="stopped" if gateway_too else "settled")
    with guard.folder("farz-lost-day-") as base:
        done = Lost(base / "elsewhere" / "backup")
        with _database(engine) as url, Stage(base, village, pace, say, database_url=url) as stage:
            _live(stage, deposits, done)
            done.before = _records()
            _destroy(stage, url)
            if gateway_too:
                _destroy_gateway(stage)
            done.restored = restore(done.backup)
            done.in_backup = _records()
            stage.start_backend()
            if gateway_too:
                stage.start_gateway()
            _catch_up(stage, done)
            done.truth = reckon(stage.images(), village.people)
            with open_books() as (opened, ledger_id), db.read(opened) as conn:
                done.books = booked(conn, ledger_id)
                done.right = verify(conn, ledger_id).ok
        return done


def _live(stage: Stage, deposits: int, done: Lost) -> None:
    """Until every deposit is in the books; bins that go on for ever are not waited for."""

    def there(least: int) -> bool:
        stage.start_anew()
        raise_for(stage.fallen())
        return _records() >= least

    # Early, and in a wait of its own: bins that are done must not end the wait before it.
    await_until(lambda: there(deposits // BACKED_UP_AT), SETTLE_S, "the first deposits")
    made = backups.backup(done.backup)
    say(f"backed up: {made.transfers} transfers")
    if stage.pace.until == "settled":
        await_bins(stage, deposits)
        return
    await_until(lambda: there(deposits), SETTLE_S, "the last deposit")


@contextmanager
def _database(engine: Engine) -> Iterator[str]:
    if engine == "sqlite":
        yield ""
        return
    with postgres.server() as server, postgres.database(server) as url:
        yield url


def _records() -> int:
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        return booked(conn, ledger_id).recorded


def _destroy(stage: Stage, url: str) -> None:
    """Nothing is left of the backend but the secret, which was kept apart."""
    say("the backend is killed, and its data and its database are destroyed")
    stage.backend.kill()
    settings = Settings()
    secret = settings.secret_path.read_text()
    shutil.rmtree(settings.data_dir)
    settings.create_secret().write_text(secret)
    if url:
        server = make_url(url).set(database="postgres")
        name = make_url(url).database
        postgres.administer(server, f"DROP DATABASE {name} WITH (FORCE)")
        postgres.administer(server, f"CREATE DATABASE {name}")


def _destroy_gateway(stage: Stage) -> None:
    """A new disk with the gateway's key on it: what it had relayed is gone."""
    say("the gateway's disk is lost, too")
    stage.gateway.kill()
    for file in (stage.base / "gateway").glob("gateway.db*"):
        file.unlink()


def _catch_up(stage: Stage, done: Lost) -> None:
    """Wait until nobody owes anything, see that nothing else is booked, and open the town."""
    with httpx.Client(base_url=stage.url, timeout=30) as client:
        login = {"login": "administrator", "password": stage.founded.passwords["administrator"]}
        client.post("/v1/sessions/staff", json=login).raise_for_status()
        done.refused = client.post("/v1/people", json={}).json()["code"]
        await_until(lambda: _complete(done), CAUGHT_UP_S, "the recovery")
        client.post("/v1/recovery/end", json={}).raise_for_status()
        client.post("/v1/people", json={}).raise_for_status()


def _complete(done: Lost) -> bool:
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = recovery.state(conn, ledger_id)
    done.relayed = sum(each.found or 0 for each in found.gateways)
    return found.complete
