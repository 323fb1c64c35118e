"""What routes ask FastAPI for: the services, the caller, a scope, the gateway.

What only looks at what it was given is `async`: FastAPI sends the others to a thread, and each
such hop costs more than the look. Those that read the database belong there.
"""

from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from backend.access import counters, service, signing_in
from backend.access.counters import Counter
from backend.access.same_site import SAFE
from backend.access.scopes import SCOPES
from backend.access.service import Gateway, Who
from backend.access.signing_in import From
from backend.errors import BadCounterKey, BadGatewayKey, NotSignedIn, OtherGateway
from backend.services import Services

COOKIE = "farz_session"
KNOWN_COOKIE = "farz_known"
CALLED = "Farz-Gateway"  # the header in which a gateway says its name, before it swears to anything
# `auto_error` off: what is missing is said in our own problems' words.
_cookie = APIKeyCookie(name=COOKIE, scheme_name="session", auto_error=False)
_bearer = HTTPBearer(scheme_name="gateway", auto_error=False)
_counter_bearer = HTTPBearer(scheme_name="counter", auto_error=False)


def services_of(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def _services(request: Request) -> Services:
    return services_of(request)


WithServices = Annotated[Services, Depends(_services)]


def maybe_who(request: Request, services: WithServices) -> Who | None:
    """Return the caller, or None without a session that lasts."""
    token = request.cookies.get(COOKIE)
    return signing_in.who_is(services, token) if token else None


async def signed_in(
    who: Annotated[Who | None, Depends(maybe_who)],
    _documented: Annotated[str | None, Depends(_cookie)],
) -> Who:
    """Raises NotSignedIn."""
    if who is None:
        raise NotSignedIn("Sign in first; a session ends after some hours.")
    return who


SignedIn = Annotated[Who, Depends(signed_in)]


def staff_with(scope: str) -> Callable[[Request, Who], Who]:
    """Make a dependency that lets through staff with a scope: Depends(staff_with("…")).

    What is about to be changed is noted in the audit log; looks at people are noted by `Who`.
    """
    assert scope in SCOPES, scope

    def allowed(request: Request, who: SignedIn) -> Who:
        who.require(scope)
        if request.method not in SAFE:
            who.note(scope)
        return who

    return allowed


def calling_gateway(
    request: Request,
    services: WithServices,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Gateway:
    """Raises BadGatewayKey; OtherGateway where a gateway calls itself otherwise than its key."""
    try:
        if bearer is None:
            raise BadGatewayKey("Send the gateway's key as 'Authorization: Bearer …'.")
        with services.read() as conn:
            found = service.gateway_of(conn, services.ledger_id, bearer.credentials)
        called = request.headers.get(CALLED, found.name)
        if called != found.name:
            raise OtherGateway(
                f"The key that was sent is {found.name}'s; the gateway calls itself {called[:32]}."
            )
        return found
    except (BadGatewayKey, OtherGateway) as error:
        services.answered.add(error.code)
        raise


CallingGateway = Annotated[Gateway, Depends(calling_gateway)]


def calling_counter(
    services: WithServices,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_counter_bearer)],
) -> Counter:
    """Raises BadCounterKey."""
    if bearer is None:
        raise BadCounterKey("Send the counter's key as 'Authorization: Bearer …'.")
    with services.read() as conn:
        return counters.counter_of(conn, services.ledger_id, bearer.credentials)


CallingCounter = Annotated[Counter, Depends(calling_counter)]


def place_of(request: Request) -> From:
    """Return where a sign-in comes from, for counting wrong tries."""
    address = request.client.host if request.client else "unknown"
    return From(address, request.cookies.get(KNOWN_COOKIE, ""))
