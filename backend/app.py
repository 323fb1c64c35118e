"""The backend's wiring: settings in, a FastAPI application out. The only place that constructs.

`app.state.services` is what routes and pages work with; the poster starts with the application
and is closed with it.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from backend import db, migrations, problems
from backend.access import endpoints as access
from backend.access.audit import Audit
from backend.access.same_site import SameSite
from backend.access.sessions import Sessions
from backend.accounts import endpoints as accounts
from backend.alerts import endpoints as alerts
from backend.budgets import endpoints as budgets
from backend.cards import endpoints as cards
from backend.cards import trust_endpoints as card_trust
from backend.collecting import endpoints as collecting
from backend.compost import endpoints as compost
from backend.counters import endpoints as counters
from backend.deposits import endpoints as deposits
from backend.deposits.facts import Facts
from backend.devices import endpoints as devices
from backend.errors import NotReady
from backend.fees import endpoints as fees
from backend.figures import endpoints as figures
from backend.grading import endpoints as grading
from backend.housekeeping import Housekeeping
from backend.kinds import endpoints as kinds
from backend.ledger.poster import Poster
from backend.merchants import endpoints as merchants
from backend.paper import endpoints as paper
from backend.people import endpoints as people
from backend.privacy import endpoints as privacy
from backend.proofs import endpoints as proofs
from backend.recovery import endpoints as recovery
from backend.recovery.guard import refuse_in_recovery
from backend.recovery.service import Guard
from backend.reports import endpoints as reports
from backend.services import Services
from backend.settings import Settings
from backend.settlements import endpoints as settlements
from backend.size import BodyLimit
from backend.tariffs import endpoints as tariffs
from backend.telemetry_stores import open_series
from backend.towns import endpoints as towns
from backend.transfers import endpoints as transfers
from backend.vault import Vault
from backend.watching import endpoints as watching
from backend.watching.requests import Watch

VERSION = "1"
ROUTERS = (
    access,
    accounts,
    alerts,
    budgets,
    cards,
    card_trust,
    collecting,
    compost,
    counters,
    deposits,
    devices,
    figures,
    fees,
    grading,
    kinds,
    merchants,
    paper,
    people,
    privacy,
    proofs,
    recovery,
    reports,
    settlements,
    tariffs,
    towns,
    transfers,
    watching,
)


def now_us() -> int:
    return time.time_ns() // 1000


def steady_us() -> int:
    """Microseconds since the machine started, sleep included; nobody can set it."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def build_services(settings: Settings, clock_us: Callable[[], int] = now_us) -> Services:
    """Open everything that a running backend needs; the tables are brought up to date first.

    Raises SecretMissing, NotReady, db.DatabaseInUse.
    """
    if (settings.data_dir / "restoring").exists():
        raise NotReady("A restore has not come to its end. Run it again: farz restore")
    vault = Vault(settings.town_secret())
    engine = db.create_engine(settings.books_url)
    migrations.upgrade_engine(engine)
    return Services(
        settings=settings,
        ledger_id=settings.ledger_id,
        engine=engine,
        poster=Poster(
            engine,
            settings.ledger_id,
            clock_us,
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


def close_services(services: Services) -> None:
    """Book what waits, then let go of every file and connection."""
    services.poster.close()
    services.telemetry.close()
    services.sessions.close_engine()
    services.audit.close_engine()
    services.engine.dispose()


def create_app(settings: Settings, clock_us: Callable[[], int] = now_us) -> FastAPI:
    """Build the application of one town."""
    services = build_services(settings, clock_us)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        services.poster.start()
        housekeeping = Housekeeping(services)
        housekeeping.start()
        yield
        await run_in_threadpool(housekeeping.close)
        await run_in_threadpool(close_services, services)

    app = FastAPI(
        title="Farz",
        version=VERSION,
        description="From a kilogram of sorted waste to a community's currency.",
        lifespan=lifespan,
        dependencies=[Depends(refuse_in_recovery)],
        # A person's page must not depend on another host for its scripts.
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    problems.install(app)
    app.add_middleware(SameSite)
    app.add_middleware(BodyLimit)
    services.metrics.watch(services)
    app.add_middleware(Watch, metrics=services.metrics)
    for noun in ROUTERS:
        app.include_router(noun.router)
    return app
