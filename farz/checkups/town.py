"""The town's data: its settings, secret, books, ledger, tariff, devices and backups."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from farz import backups, copies, variables
from farz.checkups.finding import WARNING, WELL, WRONG, Finding
from farz.checkups.machine import has
from farz.errors import FarzError, in_words
from farz.town import open_books

if TYPE_CHECKING:
    from backend.vault import Vault

FREE_BYTES = 500 * 2**20
BACKUP_OLD_S = 86_400
NAMED = 3  # devices by name in one line


def settings(name: str) -> Finding:
    if unread := variables.wrong_value():
        variable, words = unread
        return Finding(name, WRONG, f"{variable}: {words}", f"unset {variable}")
    return Finding(name, WELL, ", ".join(variables.given()) or "all as they come")


def data_dir(name: str) -> Finding:
    from backend.settings import Settings

    folder = Settings().data_dir
    if not folder.exists():
        return Finding(name, WARNING, f"{folder} is not there yet", 'farz init "My village"')
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < FREE_BYTES:
        return Finding(name, WRONG, f"only {free_bytes >> 20} MiB free", f"du -sh {folder}/*")
    return Finding(name, WELL, f"{folder}, {free_bytes >> 30} GiB free")


def secret(name: str) -> Finding:
    from backend.errors import WrongSecret
    from backend.settings import Settings
    from backend.vault import Vault

    path = Settings().secret_path
    if not path.exists():
        return Finding(name, WARNING, "there is none yet", 'farz init "My village"')
    if path.stat().st_mode & 0o077:
        return Finding(name, WRONG, "others on this machine may read it", f"chmod 600 {path}")
    try:
        _check_secret(Vault(Settings().town_secret()), path)
    except WrongSecret as error:
        return Finding(name, WRONG, str(error), f"cp /where/it/is/kept/town.secret {path}")
    return Finding(name, WELL, "this town's, readable by its owner alone")


def _check_secret(vault: "Vault", path: Path) -> None:
    """Raises WrongSecret; older tables than this program's are another question's matter."""
    from backend import db, migrations
    from backend.towns import secret as secrets

    if _no_books("") is None:
        with open_books() as (engine, ledger_id), db.read(engine) as conn:
            if migrations.is_current(conn):
                secrets.check(conn, ledger_id, vault, path)


def tables(name: str) -> Finding:
    from backend import db, migrations

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, _), db.read(engine) as conn:
        if not migrations.is_current(conn):
            return Finding(name, WRONG, "older than this program", "farz migrate")
    return Finding(name, WELL, "at this version; what is acknowledged is on disk")


def clock_of_books(name: str) -> Finding:
    """The books' clock never goes back: what is ahead of ours was booked with a wrong clock."""
    from sqlalchemy import select

    from backend import db
    from backend.ledger.tables import ledger_head

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        query = select(ledger_head.c.clock_us).where(ledger_head.c.ledger_id == ledger_id)
        ahead_s = conn.scalars(query).one() // 1_000_000 - int(time.time())
    if ahead_s > 1:
        words = f"the books are {ahead_s} s ahead of this machine's clock"
        return Finding(name, WRONG, words, "sudo timedatectl set-ntp true")
    return Finding(name, WELL, "not ahead of this machine's clock")


def ledger(name: str) -> Finding:
    from backend import db
    from backend.ledger.verify import verify

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        report = verify(conn, ledger_id)
    if not report.ok:
        return Finding(name, WRONG, str(report.problems[0]), "farz ledger verify")
    return Finding(name, WELL, f"{report.transfers} transfers fold to every balance")


def tariff(name: str) -> Finding:
    from backend import db
    from backend.tariffs import service as tariffs
    from backend.towns import service as towns

    if (missing := _no_books(name)) is not None:
        return missing
    now_s = int(time.time())
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = tariffs.tariffs(conn, ledger_id)
        zone = towns.town(conn, ledger_id).timezone
    stand = {each.id: tariffs.standing(found, each, now_s) for each in found}
    in_force = [str(number) for number, standing in stand.items() if standing == "in_force"]
    if in_force:
        return Finding(name, WELL, f"in force: {', '.join(in_force)}")
    words = "none is in force, so deposits are held"
    ahead = [each for each in found if stand[each.id] == "ahead"]
    if ahead:
        first = min(ahead, key=lambda each: each.from_s)
        words += f"; tariff {first.id} is {tariffs.said(found, first, now_s, zone)}"
    return Finding(name, WARNING, words, "farz tariff draft --help")


def approvers(name: str) -> Finding:
    """Of the staff one drafts a tariff, two others approve it."""
    from backend import db
    from backend.access import service as access
    from backend.tariffs import service as tariffs

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        staff = access.staff(conn, ledger_id)
    count = sum(who.may("tariffs:approve") for who in staff)
    if not tariffs.can_approve(staff):
        words = f"{count} of the staff may approve a tariff; one drafts it, two others approve"
        cure = "farz staff add LOGIN --role municipal_officer"
        return Finding(name, WARNING, words, cure)
    return Finding(name, WELL, f"{count} may approve")


def plain_cards(name: str) -> Finding:
    """A number that anybody can copy must not bring as much as it likes."""
    from backend import db
    from backend.cards import caps

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        cap = caps.cap_at(caps.caps(conn, ledger_id), int(time.time()))
    if cap is None:
        cure = f"farz card cap --grams {caps.DEFAULT_DAILY_G} --by LOGIN"
        return Finding(name, WARNING, "what they bring in a day is not capped", cure)
    limits = {"g": cap.daily_g, "minor units of credit": cap.daily_amount}
    said = " and ".join(f"{most} {unit}" for unit, most in limits.items() if most is not None)
    return Finding(name, WELL, f"capped at {said} a day")


def languages(name: str) -> Finding:
    """A town may speak a language that the pages do not have yet."""
    from backend import db
    from backend.settings import Settings
    from backend.towns import service as towns

    if (missing := _no_books(name)) is not None:
        return missing
    if not has("babel"):
        return Finding(name, WARNING, "no pages here", "pip install 'farz[dashboards]'")
    from dashboards.languages import LANGUAGES

    with open_books() as (engine, _), db.read(engine) as conn:
        spoken = towns.town(conn, Settings().ledger_id).languages
    unknown = [code for code in spoken if code not in LANGUAGES]
    if unknown:
        cure = f"pybabel init -i farz.pot -d dashboards/locale -D farz -l {unknown[0]}"
        return Finding(name, WARNING, f"no pages in {', '.join(unknown)}", cure)
    return Finding(name, WELL, ", ".join(spoken))


def devices(name: str) -> Finding:
    """Silence is never health."""
    from backend import db
    from backend.alerts import service as alerts
    from backend.devices import service

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        known = service.devices(conn, ledger_id)
        judged = alerts.conditions(conn, ledger_id, known, {}, int(time.time()))
    ill = [
        f"{device.id} is {now.state.replace('_', ' ')}"
        for device, now in zip(known, judged, strict=True)
        if now.state != "ok"
    ]
    if ill:
        more = f" and {len(ill) - NAMED} more" if len(ill) > NAMED else ""
        return Finding(name, WARNING, ", ".join(ill[:NAMED]) + more, "farz device list")
    return Finding(name, WELL, f"{len(known)} are heard of")


def recovery(name: str) -> Finding:
    from backend import db
    from backend.recovery import service

    if (missing := _no_books(name)) is not None:
        return missing
    with open_books() as (engine, ledger_id), db.read(engine) as conn:
        found = service.current(conn, ledger_id)
    if found is not None:
        words = "the town was restored and only reads"
        return Finding(name, WARNING, words, "farz recovery")
    return Finding(name, WELL, "none is going on")


def backup(name: str) -> Finding:
    from backend.settings import Settings

    folder = Settings().backup_dir
    if (missing := _no_books(name)) is not None:
        return missing
    every = "farz backup --every 15m"
    if folder is None:
        cure = f"export FARZ_BACKUP_DIR=/path/on/another/disk; {every}"
        return Finding(name, WARNING, "FARZ_BACKUP_DIR is not set", cure)
    try:
        taken_s = backups.newest_s(folder)
    except OSError as error:
        return Finding(name, WRONG, in_words(error), f"ls -ld {folder}")
    except FarzError as error:
        return Finding(name, WRONG, str(error), every)
    if taken_s is None:
        return Finding(name, WRONG, f"there is none in {folder}", every)
    age_s = int(time.time()) - taken_s
    if age_s > BACKUP_OLD_S and _newer_than(taken_s):
        return Finding(name, WRONG, f"the newest is {age_s // 3600} hours old", every)
    return Finding(name, WELL, f"the newest is {age_s // 60} minutes old")


def series(name: str) -> Finding:
    """A server has to answer whoever has the town's token, and a file has to be whole."""
    from backend.settings import Settings
    from backend.telemetry import StoreFault
    from backend.telemetry_stores import open_reader

    url = Settings().influx_url
    where = url or Settings().telemetry_path.name
    store = open_reader(Settings())
    try:
        if store is not None:
            store.newest()
    except StoreFault as fault:
        words = f"{where}: {fault}; telemetry is lost meanwhile, no money"
        told_no = "compare FARZ_INFLUX_TOKEN, _ORG and _BUCKET with the server's"
        cure = "systemctl status influxdb" if fault.again else told_no
        return Finding(name, WRONG, words, cure if url else "systemctl restart farz-backend")
    finally:
        if store is not None:
            store.close()
    return Finding(name, WELL, f"{url} answers" if url else "embedded")


def _newer_than(taken_s: int) -> bool:
    """Whether the books were written to since: an idle town needs no new copy of itself."""
    from backend.settings import Settings

    url = Settings().books_url
    if copies.engine_of(url) != "sqlite":
        return True
    books = copies.file_of(url)
    files = (books, books.with_name(books.name + "-wal"))
    return any(each.st_mtime > taken_s for each in copies.written(files))


def _no_books(name: str) -> Finding | None:
    from backend.settings import Settings

    url = Settings().books_url
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.exists():
        return Finding(name, WARNING, "there are no books yet", 'farz init "My village"')
    return None
