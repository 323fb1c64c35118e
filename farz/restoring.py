"""`farz restore`: a backup becomes the town's books, read-only until they are complete again.

Whatever could be wrong is looked at before anything is replaced: the files against their hashes,
the secret against the backup's, the books against every law of `farz ledger verify`. Then the log:
if the note that was published last cannot be shown to speak of a prefix of these books, a new one
is opened.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farz import backups, copies
from farz.backups import Manifest
from farz.errors import FarzError
from farz.telling import say, saying

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from backend.ledger.notes import Checkpoint
    from backend.settings import Settings

UNFINISHED = "restoring"
TOLD = 10  # so many findings are read by a person; the rest are counted


@dataclass(frozen=True, slots=True)
class Restored:
    """`new_log` is the name of a log that had to be opened; `kept` what was there before.

    `problems` are what the verifier found in books that were wanted all the same.
    """

    manifest: Manifest
    kept: str
    new_log: str
    problems: tuple[str, ...]

    def found(self) -> dict[str, object]:
        """All but the manifest, for a program."""
        return {"kept": self.kept, "new_log": self.new_log, "problems": list(self.problems)}


@dataclass(frozen=True, slots=True)
class _Prepared:
    new_log: str
    problems: tuple[str, ...]


def restore(source: Path, note: Path | None = None, *, anyway: bool = False) -> Restored:
    """Put a verified backup in place; one that is not right only `anyway`.

    Raises FarzError, db.DatabaseInUse while a backend serves.
    """
    from backend.settings import Settings

    settings = Settings()
    manifest = backups.read_manifest(source)
    backups.check_files(source, manifest)
    _check_town(settings, manifest)
    notes = _notes(settings, note)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    books = source / backups.BOOKS[manifest.engine]
    place = _place_sqlite if manifest.engine == "sqlite" else _place_postgresql
    kept, made = place(settings, books, manifest, notes, anyway=anyway)
    _restore_files(settings, source, manifest, bool(made.new_log))
    return Restored(manifest, kept, made.new_log, made.problems)


def _check_town(settings: "Settings", manifest: Manifest) -> None:
    from backend.vault import Vault

    if copies.engine_of(settings.books_url) != manifest.engine:
        raise FarzError(
            f"This backup is of {manifest.engine}. Set FARZ_DATABASE_URL to where its books go."
        )
    if settings.ledger_id != manifest.ledger_id:
        raise FarzError(f"This backup is of town {manifest.ledger_id}: set FARZ_LEDGER_ID.")
    if Vault(settings.town_secret()).fingerprint() != manifest.secret:
        raise FarzError(
            f"The secret in {settings.secret_path} is not this town's: no card and no device's key "
            "could be read. Put the secret that you kept apart there, and restore again."
        )


def _notes(settings: "Settings", given: Path | None) -> list["Checkpoint"]:
    """What was published, as far as it is at hand: beside the books, and what a person brings."""
    from backend.ledger.notes import read_checkpoint

    if given is not None and not given.exists():
        raise FarzError(f"{given} does not exist.")
    paths = [settings.data_dir / "published" / backups.CHECKPOINT, *([given] if given else [])]
    try:
        return [read_checkpoint(path.read_text()) for path in paths if path.exists()]
    except ValueError as error:
        raise FarzError(f"A checkpoint cannot be read: {error}") from error


def _place_sqlite(
    settings: "Settings",
    books: Path,
    manifest: Manifest,
    notes: list["Checkpoint"],
    *,
    anyway: bool,
) -> tuple[str, _Prepared]:
    from backend import db

    target = copies.file_of(settings.books_url)
    held = db.create_engine(settings.books_url)  # takes the lock of the one backend process
    fresh = target.with_name(target.name + ".restoring")
    try:
        _take_away(fresh)
        copies.copy_sqlite(books, fresh)
        made = _prepare(settings, f"sqlite:///{fresh}", manifest, notes, anyway=anyway)
        fresh.with_name(fresh.name + ".lock").unlink(missing_ok=True)
        kept = _put_aside(target)
        fresh.rename(target)
        copies.on_disk(target.parent)
    finally:
        _take_away(fresh)
        held.dispose()
    return kept, made


def _take_away(books: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        books.with_name(books.name + suffix).unlink(missing_ok=True)


def _put_aside(books: Path) -> str:
    if not books.exists():
        return ""
    aside = books.with_name(f"{books.name}.before-{int(time.time())}")
    for suffix in ("-wal", "-shm", ""):
        if (part := books.with_name(books.name + suffix)).exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside.name


def _place_postgresql(
    settings: "Settings",
    books: Path,
    manifest: Manifest,
    notes: list["Checkpoint"],
    *,
    anyway: bool,
) -> tuple[str, _Prepared]:
    url, mark = settings.books_url, settings.data_dir / UNFINISHED
    with copies.alone(url):
        if mark.exists() and mark.read_text() == copies.name_of(url):
            copies.empty_postgresql(url)  # what a restore that broke off has left
        copies.require_empty(url)
        mark.write_text(copies.name_of(url))  # no backend starts before this has come to its end
        copies.on_disk(mark)
        try:
            copies.load_postgresql(url, books)
            made = _prepare(settings, url, manifest, notes, anyway=anyway)
        except FarzError:
            copies.empty_postgresql(url)
            mark.unlink()
            raise
        mark.unlink()
    return "", made


def _prepare(
    settings: "Settings",
    url: str,
    manifest: Manifest,
    notes: list["Checkpoint"],
    *,
    anyway: bool,
) -> _Prepared:
    """Bring the tables up to date, verify the books, mark them as recovering, judge the log."""
    from backend import db, migrations
    from backend.proofs import service as proofs
    from backend.recovery import service as recovery

    engine = db.create_engine(url)
    try:
        migrations.upgrade_engine(engine)
        problems = _verify(engine, settings.ledger_id, manifest.transfers)
        if problems and not anyway:
            raise FarzError(_refusal(problems))
        for words in problems:
            say(f"Taken although it is not right: {words}")
        now_s = int(time.time())
        with db.begin(engine) as conn:
            recovery.begin(conn, settings.ledger_id, taken_s=manifest.taken_s, now_s=now_s)
            why, beyond = _judge_log(conn, settings.ledger_id, notes)
            if not why:
                return _Prepared("", problems)
            made = proofs.open_log(
                conn, settings.ledger_id, f"restored from a backup: {why}", now_s, beyond
            )
            return _Prepared(made.name, problems)
    finally:
        engine.dispose()


def _verify(engine: "Engine", ledger_id: int, transfers: int) -> tuple[str, ...]:
    """Ask the copy all that `farz ledger verify` asks, and return what it finds, in words."""
    from backend import db
    from backend.ledger.verify import Report, verify
    from backend.proofs.audit import audit

    report = Report(ledger_id)
    say(f"Verifying the books of the backup, {transfers} transfers ...")
    with db.read(engine) as conn, saying(lambda: f"{report.transfers} of {transfers} ..."):
        verify(conn, ledger_id, into=report)
        audit(conn, ledger_id, report)
    return tuple(f"{each.invariant}: {each.words}" for each in report.problems)


def _refusal(problems: tuple[str, ...]) -> str:
    shown = "\n".join(f"  {words}" for words in problems[:TOLD])
    more = f"\n  and {len(problems) - TOLD} more" if len(problems) > TOLD else ""
    return (
        f"The books in this backup are not right:\n{shown}{more}\n"
        "Nothing was replaced. Restore an older copy. If there is none that is right, take this "
        "one as it is: farz restore BACKUP --anyway"
    )


def _judge_log(conn: "Connection", ledger_id: int, notes: list["Checkpoint"]) -> tuple[str, int]:
    """Return why a new log has to be opened ("": it need not be), and after which number."""
    from backend.ledger import log, tiles

    here, size = log.origin(conn, ledger_id), tiles.size(conn, ledger_id)
    if not notes:
        return "no checkpoint that was published later is at hand", here.number
    for said in notes:
        if said.origin != here.name:
            found = re.search(r"/log-(\d+)$", said.origin)
            return f"a log called {said.origin} had been opened", int(found[1]) if found else 0
        if said.size > size or log.root_at(conn, ledger_id, said.size) != said.root:
            return (
                f"a checkpoint of {said.size} transfers had been published, the backup has {size}",
                here.number,
            )
    return "", here.number


def _restore_files(settings: "Settings", source: Path, manifest: Manifest, new_log: bool) -> None:
    """The audit log is kept where it is still there: it is newer. Sign-ins are ended."""
    for name in (backups.AUDIT, backups.TELEMETRY):
        if name in manifest.files and not (settings.data_dir / name).exists():
            # Whole or not there: half of one would pass for a newer one at the next restore.
            fresh = settings.data_dir / f"{name}.restoring"
            fresh.unlink(missing_ok=True)
            copies.copy_sqlite(source / name, fresh)
            fresh.rename(settings.data_dir / name)
    if settings.sessions_url.startswith("sqlite"):
        sessions = copies.file_of(settings.sessions_url)
        for suffix in ("", "-wal", "-shm"):
            sessions.with_name(sessions.name + suffix).unlink(missing_ok=True)
    published = settings.data_dir / "published" / backups.CHECKPOINT
    if new_log and published.exists():
        published.rename(published.with_name(f"checkpoint-before-{int(time.time())}"))
