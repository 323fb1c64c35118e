"""`farz backup`: the books and what belongs to them, copied while the backend serves.

A backup is a folder that is whole or not there: the books, the audit log where it is a file of
its own, the checkpoint published last, and a manifest with the hash of each file. Left out on
purpose: the town's secret (kept apart, so that a stolen backup opens nothing), sign-ins (people
sign in again), telemetry (unless it is asked for; it is lossy and no money hangs on it).
"""

import hashlib
import json
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farz import copies
from farz.errors import FarzError, in_words
from farz.town import open_books

if TYPE_CHECKING:
    from backend.settings import Settings

FORMAT = 1
MANIFEST = "manifest.json"
BOOKS = {"sqlite": "books.sqlite", "postgresql": "books.dump"}
AUDIT, TELEMETRY, CHECKPOINT = "audit.sqlite", "telemetry.sqlite", "checkpoint"
NAME = "%Y-%m-%dT%H%M%SZ"
KEEP_DAYS = 30
DAY_S = 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup is of. `secret` tells one town's secret from another's, and nothing of it."""

    format: int
    taken_s: int
    engine: str
    ledger_id: int
    town: str
    transfers: int
    secret: str
    files: dict[str, str]  # SHA-256 in hex by name


def backup(target: Path, *, telemetry: bool = False) -> Manifest:
    """Make one backup as a new folder. Raises FarzError, and leaves nothing half made."""
    from backend.settings import Settings

    if target.exists():
        raise FarzError(f"{target} is there already; name a new folder.")
    settings = Settings()
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        made = _fill(part, settings, telemetry)
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    copies.on_disk(target.parent)
    return made


def keep_backing_up(folder: Path, every_s: int, keep: int, *, telemetry: bool = False) -> None:
    """Make a backup every so many seconds until SIGTERM, and take old ones away.

    Nothing is copied while nothing has changed. A backup that fails is told and tried again.
    """
    import signal

    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    last: Any = None
    newest = ""
    while not over.is_set():
        try:
            change = _change()
            if change != last:
                made = new_in(folder, telemetry=telemetry)
                _say(describe(made))
                last, newest = change, made[0].name
            for old in to_remove(there(folder), keep):
                if old != newest:  # under a clock that was set back its name is not the newest
                    shutil.rmtree(folder / old)
        except Exception as error:
            # Whatever it was, the next one may succeed; doctor tells how old the newest is.
            words = in_words(error) if isinstance(error, OSError) else str(error)
            _say(f"this backup failed and is tried again: {words}")
        over.wait(every_s)


def new_in(folder: Path, *, telemetry: bool = False) -> tuple[Path, Manifest]:
    """Make a backup in a folder of backups, named by its moment."""
    target = folder / datetime.now(UTC).strftime(NAME)
    return target, backup(target, telemetry=telemetry)


def describe(made: tuple[Path, Manifest]) -> str:
    target, manifest = made
    size = sum((target / name).stat().st_size for name in manifest.files)
    return (
        f"{target}: {manifest.transfers} transfers, {size} bytes. The town's secret is not in it: "
        "keep it apart."
    )


def there(folder: Path) -> list[str]:
    """Return the names of the whole backups in a folder, oldest first.

    Raises OSError for a folder that cannot be read: `glob` would find nothing in it.
    """
    if not folder.exists():
        return []
    found = [each for each in folder.iterdir() if fnmatch(each.name, "[0-9]*Z")]
    return sorted(each.name for each in found if (each / MANIFEST).exists())


def newest_s(folder: Path) -> int | None:
    """Return when the newest backup in a folder was taken; None if there is none."""
    names = there(folder)
    return read_manifest(folder / names[-1]).taken_s if names else None


def to_remove(names: Iterable[str], keep: int, days: int = KEEP_DAYS) -> list[str]:
    """Return what may go: all but the newest `keep`, and the last one of each of `days` days."""
    ordered = sorted(names)
    last_of_day = {name[:10]: name for name in ordered}
    kept = {*ordered[-keep:], *[last_of_day[day] for day in sorted(last_of_day)[-days:]]}
    return [name for name in ordered if name not in kept]


def seconds(text: str) -> int:
    """Read "90s", "15m", "1h" or "1d". Raises FarzError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None or not int(found[1]):
        raise FarzError(f"{text!r} is no length of time. Write it like 15m, 1h or 90s.")
    return int(found[1]) * _UNITS[found[2]]


def read_manifest(source: Path) -> Manifest:
    """Read what a backup is of, and check that its files are as they were. Raises FarzError."""
    try:
        raw = json.loads((source / MANIFEST).read_text())
        found = Manifest(**raw)
    except (FileNotFoundError, NotADirectoryError):
        raise FarzError(f"{source} is no backup: there is no {MANIFEST} in it.") from None
    except (ValueError, TypeError) as error:
        raise FarzError(f"{source} is no backup that `farz backup` has made: {error}") from None
    if found.format != FORMAT:
        raise FarzError(f"{source} has format {found.format}; this program reads {FORMAT}.")
    return found


def check_files(source: Path, manifest: Manifest) -> None:
    """Raises FarzError unless every file is there and as it was written."""
    for name, digest in manifest.files.items():
        path = source / name
        if not path.is_file():
            raise FarzError(f"{path} is missing. Take another backup.")
        if _hash(path) != digest:
            raise FarzError(f"{path} is not as it was written. Take another backup.")


def _fill(part: Path, settings: "Settings", telemetry: bool) -> Manifest:
    from backend.vault import Vault

    taken_s = int(time.time())  # before the copy: what comes meanwhile is asked for again
    secret = Vault(settings.town_secret()).fingerprint()
    kind = copies.engine_of(settings.books_url)
    name, transfers = _town_and_size()
    if kind == "sqlite":
        copies.copy_sqlite(copies.file_of(settings.books_url), part / BOOKS[kind])
    else:
        copies.dump_postgresql(settings.books_url, part / BOOKS[kind])
    for file in (AUDIT, *([TELEMETRY] if telemetry else [])):
        if (settings.data_dir / file).exists():
            copies.copy_sqlite(settings.data_dir / file, part / file)
    published = settings.data_dir / "published" / CHECKPOINT
    if published.exists():
        shutil.copy(published, part / CHECKPOINT)
    files = {each.name: _hash(each) for each in sorted(part.iterdir())}
    manifest = Manifest(FORMAT, taken_s, kind, settings.ledger_id, name, transfers, secret, files)
    path = part / MANIFEST
    path.write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n")
    copies.on_disk(path)
    copies.on_disk(part)
    return manifest


def _town_and_size() -> tuple[str, int]:
    from backend import db
    from backend.ledger import tiles
    from backend.towns import service as towns

    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        return towns.town(conn, ledger_id).name, tiles.size(conn, ledger_id)


def _change() -> Any:
    """What is another after every write: sizes and times of the files, or the server's count."""
    from backend import db
    from backend.settings import Settings

    url = Settings().books_url
    if copies.engine_of(url) == "sqlite":
        path = copies.file_of(url)
        files = (path, path.with_name(path.name + "-wal"), Settings().data_dir / AUDIT)
        return [(each.st_size, each.st_mtime_ns) for each in copies.written(files)]
    with open_books() as (engine, _), db.read(engine) as conn:
        # The newest position in the write-ahead log: every commit moves it.
        return conn.exec_driver_sql("SELECT pg_current_wal_lsn()").scalar_one()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _say(words: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    sys.stderr.write(f"{now} {words}\n")
    sys.stderr.flush()
