"""What routes ask FastAPI for: the services, the caller, a scope, the gateway.

What only looks at what it was given is `async`: FastAPI sends the others to a thread, and each
such hop costs more than the look. Those that read the database belong there.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from backend.access import service
from backend.access.scopes import SCOPES
from backend.access.service import Gateway, Who
from backend.errors import BadGatewayKey, NotSignedIn
from backend.services import Services

COOKIE = "farz_session"
# `auto_error` off: what is missing is said in our own problems' words.
_cookie = APIKeyCookie(name=COOKIE, scheme_name="session", auto_error=False)
_bearer = HTTPBearer(scheme_name="gateway", auto_error=False)


def services_of(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def _services(request: Request) -> Services:
    return services_of(request)


WithServices = Annotated[Services, Depends(_services)]


def maybe_who(request: Request, services: WithServices) -> Who | None:
    """Return the caller, or None without a session that lasts."""
    token = request.cookies.get(COOKIE)
    return service.who_is(services, token) if token else None


async def signed_in(
    who: Annotated[Who | None, Depends(maybe_who)],
    _documented: Annotated[str | None, Depends(_cookie)],
) -> Who:
    """Raises NotSignedIn."""
    if who is None:
        raise NotSignedIn("Sign in first; a session ends after some hours.")
    return who


SignedIn = Annotated[Who, Depends(signed_in)]


def staff_with(scope: str) -> Callable[[Who], Awaitable[Who]]:
    """Make a dependency that lets through staff with a scope: Depends(staff_with("…"))."""
    assert scope in SCOPES, scope

    async def allowed(who: SignedIn) -> Who:
        who.require(scope)
        return who

    return allowed


def calling_gateway(
    services: WithServices,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Gateway:
    """Raises BadGatewayKey."""
    try:
        if bearer is None:
            raise BadGatewayKey("Send the gateway's key as 'Authorization: Bearer …'.")
        with services.read() as conn:
            return service.gateway_of(conn, services.ledger_id, bearer.credentials)
    except BadGatewayKey:
        services.answered.add("bad_gateway_key")
        raise


CallingGateway = Annotated[Gateway, Depends(calling_gateway)]


def address_of(request: Request) -> str:
    """Return where a sign-in comes from, for counting wrong tries."""
    return request.client.host if request.client else "unknown"
