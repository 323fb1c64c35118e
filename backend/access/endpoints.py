"""Routes for signing in and out, staff, and gateways."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from backend.access import service
from backend.access.dependencies import (
    COOKIE,
    SignedIn,
    WithServices,
    address_of,
    staff_with,
)
from backend.access.schemas import (
    GatewayIn,
    GatewayOut,
    ResidentSignIn,
    StaffIn,
    StaffSignIn,
    WhoOut,
)
from backend.access.service import SignIn, Who
from backend.problems import problems
from backend.recovery.guard import open_in_recovery
from backend.schemas import RowId
from backend.settings import Settings

router = APIRouter(prefix="/v1", tags=["access"])
Manager = Annotated[Who, Depends(staff_with("staff:write"))]
GatewayKeeper = Annotated[Who, Depends(staff_with("gateways:write"))]


def set_cookie(response: Response, settings: Settings, sign_in: SignIn) -> None:
    """Hand a session to a browser: out of scripts' reach, and not sent along from other sites."""
    response.set_cookie(
        COOKIE,
        sign_in.token,
        max_age=settings.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=settings.cookie_secure,
    )


@router.post("/sessions/staff", responses=problems(401, 403, 422, 429, 503))
@open_in_recovery
def sign_in_staff(
    body: StaffSignIn, services: WithServices, request: Request, response: Response
) -> WhoOut:
    """Sign in with name and password; the session comes as a cookie."""
    made = service.sign_in_staff(services, body.login, body.password, address_of(request))
    set_cookie(response, services.settings, made)
    return _who(made.who)


@router.post("/sessions/resident", responses=problems(401, 403, 422, 429, 503))
@open_in_recovery
def sign_in_resident(
    body: ResidentSignIn, services: WithServices, request: Request, response: Response
) -> WhoOut:
    """Sign in with the number printed on a card and its PIN."""
    made = service.sign_in_resident(services, body.number, body.pin, address_of(request))
    set_cookie(response, services.settings, made)
    return _who(made.who)


@router.get("/sessions/mine", responses=problems(401, 503))
def who_am_i(who: SignedIn) -> WhoOut:
    return _who(who)


@router.delete(
    "/sessions/mine", status_code=status.HTTP_204_NO_CONTENT, responses=problems(401, 403, 503)
)
@open_in_recovery
def sign_out(_who: SignedIn, services: WithServices, request: Request, response: Response) -> None:
    service.sign_out(services, request.cookies[COOKIE])
    response.delete_cookie(COOKIE)


@router.get("/staff", responses=problems(401, 403, 503))
def list_staff(who: Manager, services: WithServices) -> list[WhoOut]:
    with services.read() as conn:
        return [_who(each) for each in service.staff(conn, who.ledger_id)]


@router.post(
    "/staff", status_code=status.HTTP_201_CREATED, responses=problems(401, 403, 409, 422, 503)
)
def create_staff(body: StaffIn, who: Manager, services: WithServices) -> WhoOut:
    with services.begin() as conn:
        made = service.create_staff(
            conn,
            who.ledger_id,
            login=body.login,
            name=body.name,
            role=body.role,
            password=body.password,
            now_s=services.now_s(),
        )
    return _who(made)


@router.delete(
    "/staff/{staff_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 503),
)
def close_staff(staff_id: RowId, who: Manager, services: WithServices) -> None:
    """End somebody's access at once."""
    with services.begin() as conn:
        service.close_staff(conn, services.sessions, who.ledger_id, staff_id)


@router.post(
    "/gateways", status_code=status.HTTP_201_CREATED, responses=problems(401, 403, 409, 422, 503)
)
@open_in_recovery
def create_gateway(body: GatewayIn, who: GatewayKeeper, services: WithServices) -> GatewayOut:
    """Register a gateway by its public key; answers the API key, this once."""
    with services.begin() as conn:
        made = service.create_gateway(
            conn,
            who.ledger_id,
            name=body.name,
            public_key=bytes.fromhex(body.public_key),
            now_s=services.now_s(),
        )
    return GatewayOut(id=made.id, name=made.name, key=made.key)


@router.delete(
    "/gateways/{gateway_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 503),
)
@open_in_recovery
def revoke_gateway(gateway_id: RowId, who: GatewayKeeper, services: WithServices) -> None:
    with services.begin() as conn:
        service.revoke_gateway(conn, who.ledger_id, gateway_id, now_s=services.now_s())


def _who(who: Who) -> WhoOut:
    return WhoOut(kind=who.kind, id=who.id, name=who.name, role=who.role)
