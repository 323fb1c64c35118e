"""Routes for signing in and out, staff, gateways and counters, and for who looked at whom."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from backend.access import counters, looks, second_factor, service, signing_in
from backend.access.dependencies import (
    COOKIE,
    KNOWN_COOKIE,
    SignedIn,
    WithServices,
    place_of,
    staff_with,
)
from backend.access.looks import Look
from backend.access.schemas import (
    CodeIn,
    CounterIn,
    CounterKeyOut,
    CounterOut,
    FactorOut,
    GatewayIn,
    GatewayOut,
    LookOut,
    RecoveryOut,
    ResidentSignIn,
    StaffIn,
    StaffSignIn,
    WhoOut,
)
from backend.access.service import Who
from backend.access.signing_in import SignIn
from backend.errors import Forbidden
from backend.people import service as people
from backend.problems import problems
from backend.recovery.guard import open_in_recovery
from backend.schemas import After, PageSize, RowId
from backend.settings import Settings

router = APIRouter(prefix="/v1", tags=["access"])
Manager = Annotated[Who, Depends(staff_with("staff:write"))]
GatewayKeeper = Annotated[Who, Depends(staff_with("gateways:write"))]
LogReader = Annotated[Who, Depends(staff_with("audit:read"))]
KNOWN_S = 400 * 86_400  # the longest that browsers keep a cookie


def set_cookie(response: Response, settings: Settings, sign_in: SignIn) -> None:
    """Hand a session to a browser: out of scripts' reach, and not sent along from other sites."""
    hours_s = settings.session_hours * 3600
    for name, value, kept_s in (
        (COOKIE, sign_in.token, hours_s),
        (KNOWN_COOKIE, sign_in.known, KNOWN_S),
    ):
        response.set_cookie(
            name,
            value,
            max_age=kept_s,
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
    place = place_of(request)
    made = signing_in.staff(services, body.login, body.password, place, body.code)
    set_cookie(response, services.settings, made)
    return _who(made.who)


@router.post("/sessions/resident", responses=problems(401, 403, 422, 429, 503))
@open_in_recovery
def sign_in_resident(
    body: ResidentSignIn, services: WithServices, request: Request, response: Response
) -> WhoOut:
    """Sign in with the number printed on a card and its PIN."""
    made = signing_in.resident(services, body.number, body.pin, place_of(request))
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
    signing_in.out(services, request.cookies[COOKIE])
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
    responses=problems(401, 403, 404, 409, 422, 503),
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


@router.get("/counters", responses=problems(401, 403, 503))
def list_counters(who: GatewayKeeper, services: WithServices) -> list[CounterOut]:
    with services.read() as conn:
        found = counters.counters(conn, who.ledger_id)
    return [CounterOut(id=each.id, name=each.name) for each in found]


@router.post(
    "/counters", status_code=status.HTTP_201_CREATED, responses=problems(401, 403, 409, 422, 503)
)
def create_counter(body: CounterIn, who: GatewayKeeper, services: WithServices) -> CounterKeyOut:
    """Register a counter's machine; answers its key, this once."""
    with services.begin() as conn:
        made = counters.create_counter(conn, who.ledger_id, body.name, now_s=services.now_s())
    return CounterKeyOut(id=made.id, name=made.name, key=made.key)


@router.delete(
    "/counters/{counter_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 503),
)
def revoke_counter(counter_id: RowId, who: GatewayKeeper, services: WithServices) -> None:
    """Turn off the key of a machine that is lost."""
    with services.begin() as conn:
        counters.revoke_counter(conn, who.ledger_id, counter_id, now_s=services.now_s())


@router.post(
    "/sessions/mine/second-factor",
    status_code=status.HTTP_201_CREATED,
    responses=problems(401, 403, 409, 503),
)
def start_second_factor(who: SignedIn, services: WithServices) -> FactorOut:
    """Draw a secret for an authenticator app; codes are asked for once one was confirmed."""
    _require_staff(who)
    who.note("second_factor:start")
    with services.begin() as conn:
        login = service.login_of(conn, who.ledger_id, who.id)
        made = second_factor.start(conn, services.vault, who.ledger_id, who.id, login)
    return FactorOut(uri=made.uri, secret=made.secret)


@router.put("/sessions/mine/second-factor", responses=problems(401, 403, 422, 503))
def confirm_second_factor(body: CodeIn, who: SignedIn, services: WithServices) -> RecoveryOut:
    """Show that the app knows the secret; answers the recovery codes, this once."""
    _require_staff(who)
    who.note("second_factor:confirm")
    ledger_id, now_s = who.ledger_id, services.now_s()
    with services.begin() as conn:
        made = second_factor.confirm(
            conn, services.vault, ledger_id, who.id, body.code, now_s=now_s
        )
    return RecoveryOut(recovery_codes=made)


@router.delete(
    "/staff/{staff_id}/second-factor",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(401, 403, 404, 422, 503),
)
def end_second_factor(staff_id: RowId, who: Manager, services: WithServices) -> None:
    """Ask a colleague for codes no more, who has lost telephone and recovery codes."""
    with services.begin() as conn:
        service.login_of(conn, who.ledger_id, staff_id)
        second_factor.turn_off(conn, who.ledger_id, staff_id)


@router.get("/audit", responses=problems(401, 403, 422, 503))
def read_audit(
    who: LogReader, services: WithServices, before_id: After = None, limit: PageSize = 50
) -> list[LookOut]:
    """Who looked at whom and decided what, newest first; pages go on before the last `id`."""
    return _looks(looks.looks(services, before_id=before_id, limit=limit))


@router.get("/people/{person_id}/audit", responses=problems(401, 403, 404, 422, 503))
def read_audit_of_person(
    person_id: RowId,
    who: SignedIn,
    services: WithServices,
    before_id: After = None,
    limit: PageSize = 50,
) -> list[LookOut]:
    """Who looked at a person or did something for them, newest first: they may know."""
    who.require_person(person_id, "audit:read")
    with services.read() as conn:
        people.person(conn, who.ledger_id, person_id)
    return _looks(looks.looks(services, person_id=person_id, before_id=before_id, limit=limit))


def _require_staff(who: Who) -> None:
    if who.kind != "staff":
        raise Forbidden("Codes of a telephone are for staff.")


def _looks(found: list[Look]) -> list[LookOut]:
    return [
        LookOut(
            id=each.line.id,
            at_s=each.line.at_s,
            who=each.name,
            kind=each.line.actor.kind,
            role=each.line.actor.role,
            action=each.line.action,
            person_id=each.line.person_id,
        )
        for each in found
    ]


def _who(who: Who) -> WhoOut:
    return WhoOut(kind=who.kind, id=who.id, name=who.name, role=who.role)
