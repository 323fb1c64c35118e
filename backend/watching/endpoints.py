"""Routes for whoever watches: alive, ready, and figures. They tell of no person."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from backend.access.dependencies import WithServices
from backend.errors import Forbidden
from backend.problems import MEDIA_TYPE, Problem, problems
from backend.watching import readiness
from backend.watching.readiness import Part

router = APIRouter(tags=["watching"])
LOOPBACK = ("127.0.0.1", "::1")
PROMETHEUS = "text/plain; version=1.0.0; charset=utf-8"
_bearer = HTTPBearer(scheme_name="metrics", auto_error=False)


class AliveOut(BaseModel):
    alive: bool = True


class ReadyOut(BaseModel):
    """`parts` with what is wrong and its cure; `recovering`: it only reads for the time being."""

    ready: bool = True
    recovering: bool
    parts: list[Part]


class NotReadyOut(Problem):
    """A problem that names the parts."""

    parts: list[Part]


@router.get("/healthz")
async def alive() -> AliveOut:
    """The process answers."""
    return AliveOut()


def _not_ready() -> dict[int | str, dict[str, Any]]:
    answer = problems(503)
    answer[503]["content"][MEDIA_TYPE]["schema"] = NotReadyOut.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    return answer


@router.get("/readyz", responses=_not_ready(), response_model=ReadyOut)
def ready(services: WithServices) -> ReadyOut | JSONResponse:
    """The parts that the work needs: database, tables, town, poster, disk."""
    found = readiness.parts(services)
    if all(part.ok for part in found):
        return ReadyOut(recovering=services.recovery.now() is not None, parts=list(found))
    wrong = "; ".join(f"{part.name}: {part.words}" for part in found if not part.ok)
    problem = NotReadyOut(
        type="urn:farz:problem:not_ready",
        title="Not ready",
        status=503,
        detail=wrong,
        code="not_ready",
        parts=list(found),
    )
    headers = {"Retry-After": "5"}
    return JSONResponse(problem.model_dump(mode="json"), 503, headers, media_type=MEDIA_TYPE)


def _watcher(
    request: Request,
    services: WithServices,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """With a token set, who sends it; without, programs of this machine. Raises Forbidden."""
    token = services.settings.metrics_token.get_secret_value()
    if token:
        given = bearer.credentials if bearer else ""
        allowed = secrets.compare_digest(given.encode(), token.encode())
    else:
        # What a proxy passes on comes from the loopback as well, and says so.
        passed_on = {"forwarded", "x-forwarded-for"} & set(request.headers)
        allowed = request.client is not None and request.client.host in LOOPBACK and not passed_on
    if not allowed:
        raise Forbidden("Figures are for this machine, or for who has FARZ_METRICS_TOKEN.")


@router.get(
    "/metrics",
    responses={200: {"content": {PROMETHEUS: {"schema": {"type": "string"}}}}, **problems(403)},
    response_class=Response,
    dependencies=[Depends(_watcher)],
)
def metrics(services: WithServices) -> Response:
    """Figures for Prometheus, in its text format."""
    return Response(services.metrics.text(), media_type=PROMETHEUS)
