"""Opening a town's books for a command, and founding a town.

With SQLite one process owns the books: a command that writes needs the backend stopped, and says
so; commands that only read run beside it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from farz.asking import secret
from farz.errors import FarzError
from farz.telling import tell

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from backend.services import Services
    from backend.settings import Settings
    from backend.towns.applying import Applied


@contextmanager
def open_town(*, create: bool = False) -> Iterator["Services"]:
    """The backend's services in this process, with its poster running.

    `create` makes the data directory and the town's secret first.
    """
    from backend.opening import build_services, close_services
    from backend.settings import Settings

    settings = Settings()
    if create:
        _create_secret(settings)
    services = build_services(settings)
    services.poster.start()
    try:
        yield services
    finally:
        close_services(services)


def _create_secret(settings: "Settings") -> None:
    """Makes the town's secret. Raises FarzError where a town stands that had another one."""
    if not settings.secret_path.exists() and _stands(settings):
        raise FarzError(
            f"A town is in the books, and its secret is not at {settings.secret_path}. Put back "
            "the copy that was kept apart: a new one would open no card, no key and no slip of it."
        )
    settings.create_secret()


def _stands(settings: "Settings") -> bool:
    """Whether there is a town in the books."""
    from sqlalchemy import inspect

    from backend import db
    from backend.errors import NotFounded
    from backend.tables import town
    from backend.towns import service as towns

    path = settings.books_url.removeprefix("sqlite:///")
    if path != settings.books_url and not Path(path).exists():
        return False
    with open_database() as engine, db.read(engine) as conn:
        try:
            return inspect(conn).has_table(town.name) and bool(towns.town(conn, settings.ledger_id))
        except NotFounded:
            return False


@contextmanager
def open_books() -> Iterator[tuple["Engine", int]]:
    """The books to read from, beside a backend that serves: (engine, ledger id)."""
    from backend import db
    from backend.settings import Settings
    from backend.towns import service as towns

    ledger_id = Settings().ledger_id
    with open_database() as engine:
        with db.read(engine) as conn:
            towns.town(conn, ledger_id)  # NotFounded says what to do
        yield engine, ledger_id


@contextmanager
def open_database() -> Iterator["Engine"]:
    """The database to read from, whatever is in it. Raises FarzError without one."""
    from backend import db
    from backend.settings import Settings

    url = Settings().books_url
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        raise FarzError(f"There are no books at {path}. Run: farz init")
    engine = db.create_engine(url, exclusive=False)
    try:
        yield engine
    finally:
        engine.dispose()


def found(name: str, currency: str, login: str, as_json: bool = False) -> None:
    """Found a town with its first administrator, asking for a password twice."""
    from backend.access import service as access
    from backend.cards import caps
    from backend.settings import Settings
    from backend.towns import secret
    from backend.towns import service as towns

    now_s, password = int(time.time()), new_password(login)
    with open_town(create=True) as services, services.begin() as conn:
        town = towns.found(conn, services.ledger_id, name, currency=currency, now_s=now_s)
        secret.note(conn, services.ledger_id, services.vault)
        caps.set_cap(
            conn,
            services.ledger_id,
            daily_g=caps.DEFAULT_DAILY_G,
            daily_amount=None,
            decided_by=login,
            from_s=0,
        )
        access.create_staff(
            conn,
            services.ledger_id,
            login=login,
            name=login,
            role="administrator",
            password=password,
            now_s=now_s,
        )
    words = (
        f"{town.name} is founded in {Settings().data_dir}.\n"
        f"Keep {Settings().secret_path} safe and backed up apart: keys and cards hang on it.\n"
        "Next: farz staff add (one drafts a tariff, two others approve it: you need two more),\n"
        "farz tariff draft --help, "
        f"farz device --help, and farz serve, where {login} signs in."
    )
    told = {"town": town.name, "folder": str(Settings().data_dir), "login": login}
    tell(told | {"secret": str(Settings().secret_path)}, words, as_json)


def apply_file(
    path: Path, slips: Path | None = None, as_json: bool = False, *, overwrite: bool = False
) -> None:
    """Bring a town to its file, and print what was done and what is shown once."""
    from backend.people import synthetic
    from backend.towns import reading
    from backend.towns.applying import apply
    from farz.paper_slips import enrol

    wanted = reading.read_file(path.read_bytes())
    with open_town(create=True) as services:
        applied = apply(services, wanted, overwrite=overwrite)
        try:
            if wanted.people is not None:
                folder = services.settings.data_dir
                people = list(synthetic.entries(wanted.people.synthetic))
                path = slips or folder / "slips.html"
                made, sheets = enrol(services, people, path, "file", beside=slips is None)
                if made.people:
                    applied.done.append(
                        f"{made.people} synthetic people are enrolled, "
                        f"{made.cards} of them with a card"
                    )
                    more = f" and {len(sheets) - 1} files more" if len(sheets) > 1 else ""
                    applied.done.append(f"their PINs are to be printed from {sheets[0]}{more}")
        finally:  # passwords and keys are nowhere else: told whatever became of the people
            _tell_applied(applied, as_json)


def _tell_applied(applied: "Applied", as_json: bool) -> None:
    lines = applied.done or ["Nothing to change."]
    if applied.secrets:
        lines = [*lines, "Write these down; they are shown once:"]
    lines += [f"  {whose}: {secret}" for whose, secret in applied.secrets]
    lines += applied.notes
    told = {"done": applied.done, "secrets": dict(applied.secrets), "notes": applied.notes}
    tell(told, "\n".join(lines), as_json)


def new_password(login: str) -> str:
    """Ask for a new password. Raises FarzError, WeakPassword."""
    from backend.access.passwords import hash_password

    password = secret(f"Password for {login}", twice=True)
    hash_password(password)  # refuses a weak one before anything is made
    return password
