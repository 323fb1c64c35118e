"""Whether the backend can do its work, part by part, each in words and with its cure."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from backend import migrations
from backend.errors import BackendError
from backend.towns import service as towns

if TYPE_CHECKING:
    from backend.services import Services

FREE_BYTES = 100 * 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that has to work; `words` say what is wrong and what mends it."""

    name: str
    ok: bool
    words: str


def parts(services: "Services") -> tuple[Part, ...]:
    """Look at every part; one that fails in an unforeseen way is not ready."""
    return tuple(_look(name, check, services) for name, check in CHECKS.items())


def _look(name: str, check: Callable[["Services"], str], services: "Services") -> Part:
    try:
        words = check(services)
    except BackendError as error:
        return Part(name, False, str(error))
    except (SQLAlchemyError, OSError) as error:
        # The driver's own text may quote addresses; its kind is enough for a stranger.
        return Part(name, False, f"It does not answer ({type(error).__name__}). See the log.")
    return Part(name, not words, words)


def _database(services: "Services") -> str:
    with services.read() as conn:
        conn.exec_driver_sql("SELECT 1")
    return ""


def _tables(services: "Services") -> str:
    with services.read() as conn:
        current = migrations.is_current(conn)
    return "" if current else "They are older than this program. Run: farz migrate"


def _town(services: "Services") -> str:
    with services.read() as conn:
        towns.town(conn, services.ledger_id)
    return ""


def _poster(services: "Services") -> str:
    return "" if services.poster.alive else "Nothing can be booked. Restart the backend."


def _disk(services: "Services") -> str:
    free_bytes = shutil.disk_usage(services.settings.data_dir).free
    return "" if free_bytes >= FREE_BYTES else f"Only {free_bytes >> 20} MiB are free. Make room."


CHECKS: dict[str, Callable[["Services"], str]] = {
    "database": _database,
    "tables": _tables,
    "town": _town,
    "poster": _poster,
    "disk": _disk,
}
