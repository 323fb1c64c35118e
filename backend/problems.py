"""Errors at the border: RFC 9457 problem+json, for the answer and for the OpenAPI document.

One handler turns every error class of the programme and the ledger into a problem; a route
says with `problems(...)` which of them it can give.
"""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from backend.db import ReadTooLong
from backend.errors import BackendError, BadInput, Conflict, NotReady
from backend.ledger.errors import LedgerError

MEDIA_TYPE = "application/problem+json"
_WAIT = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
_log = logging.getLogger(__name__)
# What pydantic says too briefly for whoever sent it.
_IN_WORDS = {
    "int_type": "This is a whole number, without quotes or a point, like 123",
    "bool_type": "This is true or false, without quotes",
}


class Problem(BaseModel):
    """What went wrong: `code` for programs, `detail` in words for a person."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def problem_response(error: BackendError | LedgerError) -> JSONResponse:
    phrase = getattr(error, "title", None) or HTTPStatus(error.status).phrase
    retry_after_s = getattr(error, "retry_after_s", None)
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else None
    return _response(error.status, error.code, phrase, str(error), headers)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the problems that a route can answer with, by status."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": content,
            **({"headers": _WAIT} if status in (429, 503) else {}),
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Add the one handler, and the Problem schema that the routes refer to."""
    for kind in (BackendError, LedgerError):
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(IntegrityError, _raced)
    app.add_exception_handler(OperationalError, _database)
    app.add_exception_handler(ReadTooLong, _too_long)
    app.add_exception_handler(Exception, _unexpected)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            _require_keys(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def _require_keys(document: dict[str, Any]) -> None:
    """Say that an Idempotency-Key must be sent: without it the answer is 400, not 422.

    A 409 says when to ask again while the same request is being worked on.
    """
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "Idempotency-Key":
                    parameter["required"] = True
                    parameter["schema"] = {"type": "string", "minLength": 1}
                    operation["responses"].get("409", {}).setdefault("headers", _WAIT)


def _response(
    status: int, code: str, title: str, detail: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    problem = Problem(
        type=f"urn:farz:problem:{code}", title=title, status=status, detail=detail, code=code
    )
    return JSONResponse(problem.model_dump(), status, headers, media_type=MEDIA_TYPE)


def _known(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, BackendError | LedgerError)
    if error.status >= 500:
        _log.error("%s: %s", error.code, error)
    return problem_response(error)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem_response(BadInput(f"{place}: {_IN_WORDS.get(first['type'], first['msg'])}"))


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's, for a body that is no text
        return problem_response(BadInput("body: This is not JSON in UTF-8."))
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "_")
    headers = dict(error.headers) if error.headers else None
    return _response(error.status_code, code, phrase, str(error.detail), headers)


def _raced(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, IntegrityError)
    # The driver's words quote the row; the name of the constraint is enough.
    about = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or error.orig
    _log.warning("Two writes met: %s", about)
    return problem_response(Conflict("Somebody changed the same thing just now. Try again."))


def _database(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OperationalError)
    _log.error("The database failed: %s", type(error.orig).__name__, exc_info=error)
    failed = NotReady("The database does not answer. Try again in a moment.")
    failed.retry_after_s = 1
    return problem_response(failed)


def _too_long(_request: Request, error: Exception) -> JSONResponse:
    _log.warning("A read was stopped: %s", error)
    return _response(503, "read_too_long", NotReady.title, str(error), None)


def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    _log.error("An error nobody expected", exc_info=error)
    return problem_response(BackendError("Something went wrong here. It was noted."))
