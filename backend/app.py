"""The backend's wiring: settings in, a FastAPI application out; `opening` builds its services.

`app.state.services` is what routes and pages work with; the poster starts with the application
and is closed with it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.concurrency import run_in_threadpool

from backend import problems
from backend.access import endpoints as access
from backend.access.same_site import SameSite
from backend.accounts import endpoints as accounts
from backend.alerts import endpoints as alerts
from backend.budgets import endpoints as budgets
from backend.cards import endpoints as cards
from backend.cards import trust_endpoints as card_trust
from backend.collecting import endpoints as collecting
from backend.compost import endpoints as compost
from backend.counters import endpoints as counters
from backend.deposits import endpoints as deposits
from backend.devices import endpoints as devices
from backend.fees import endpoints as fees
from backend.figures import endpoints as figures
from backend.grading import endpoints as grading
from backend.housekeeping import Housekeeping
from backend.kinds import endpoints as kinds
from backend.merchants import endpoints as merchants
from backend.opening import build_services, close_services, now_us
from backend.paper import endpoints as paper
from backend.people import endpoints as people
from backend.privacy import endpoints as privacy
from backend.proofs import endpoints as proofs
from backend.recovery import endpoints as recovery
from backend.recovery.guard import refuse_in_recovery
from backend.reports import endpoints as reports
from backend.services import Services
from backend.settings import Settings
from backend.settlements import endpoints as settlements
from backend.size import BodyLimit
from backend.tariffs import endpoints as tariffs
from backend.towns import endpoints as towns
from backend.transfers import endpoints as transfers
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


def create_app(settings: Settings, clock_us: Callable[[], int] = now_us) -> FastAPI:
    """Build the application of one town."""
    app = build_app()
    app.state.services = build_services(settings, clock_us)
    return app


def build_app() -> FastAPI:
    """Every page and route, still without a town: `app.state.services` is set before it starts."""
    app = FastAPI(
        title="Farz",
        version=VERSION,
        description="From a kilogram of sorted waste to a community's currency.",
        lifespan=_open_town,
        dependencies=[Depends(refuse_in_recovery)],
        # A person's page must not depend on another host for its scripts.
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    app.add_middleware(SameSite)
    app.add_middleware(BodyLimit)
    app.add_middleware(Watch)
    for noun in ROUTERS:
        app.include_router(noun.router)
    return app


@asynccontextmanager
async def _open_town(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    services.metrics.watch(services)
    services.poster.start()
    housekeeping = Housekeeping(services)
    housekeeping.start()
    yield
    await run_in_threadpool(housekeeping.close)
    await run_in_threadpool(close_services, services)
