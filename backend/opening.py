"""Opening a town's services, and letting go of them: what an application and a command share.

No page and no route is imported here, so that a command that only decides something starts in
half the time.
"""

import time
from collections.abc import Callable

from sqlalchemy import Engine

from backend import db, migrations
from backend.access.audit import Audit
from backend.access.sessions import Sessions
from backend.deposits.facts import Facts
from backend.errors import NotReady, WrongSecret
from backend.ledger.clerk import Limits
from backend.ledger.poster import Poster
from backend.recovery.service import Guard
from backend.services import Services
from backend.settings import Settings
from backend.telemetry_stores import open_series
from backend.towns import secret
from backend.vault import Vault

LEAP_S = 100 * 366 * 86_400


def now_us() -> int:
    return time.time_ns() // 1000


def steady_us() -> int:
    """Microseconds since the machine started, sleep included; nobody can set it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def build_services(settings: Settings, clock_us: Callable[[], int] = now_us) -> Services:
    """Open everything that a running backend needs; the tables are brought up to date first.

    Raises SecretMissing, WrongSecret, NotReady, db.DatabaseInUse.
    """
    if (settings.data_dir / "restoring").exists():
        raise NotReady("A restore has not come to its end. Run it again: farz restore")
    vault = Vault(settings.town_secret())
    engine = db.create_engine(settings.books_url)
    migrations.upgrade_engine(engine)
    try:
        _check_secret(engine, settings, vault)
    except WrongSecret:
        engine.dispose()
        raise
    return Services(
        settings=settings,
        ledger_id=settings.ledger_id,
        engine=engine,
        poster=Poster(
            engine,
            settings.ledger_id,
            clock_us,
            Limits(max_forward_s=LEAP_S) if settings.allow_leap else None,
            # A clock that somebody turns by hand has nothing to be held against.
            steady_us=steady_us if clock_us is now_us else None,
        ),
        vault=vault,
        sessions=Sessions(db.create_engine(settings.sessions_url)),
        audit=Audit(db.create_engine(settings.audit_url), settings.ledger_id),
        facts=Facts(vault, settings.ledger_id),
        telemetry=open_series(settings),
        recovery=Guard(engine, settings.ledger_id),
        now_s=lambda: clock_us() // 1_000_000,
    )


def _check_secret(engine: Engine, settings: Settings, vault: Vault) -> None:
    """Raises WrongSecret. An older town's fingerprint is kept from its first start on."""
    ledger_id = settings.ledger_id
    with db.read(engine) as conn:
        known = secret.check(conn, ledger_id, vault, settings.secret_path)
    if not known:
        with db.begin(engine) as conn:
            secret.note(conn, ledger_id, vault)


def close_services(services: Services) -> None:
    """Book what waits, then let go of every file and connection."""
    services.poster.close()
    services.telemetry.close()
    services.sessions.close_engine()
    services.audit.close_engine()
    services.engine.dispose()
