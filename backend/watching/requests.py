"""Every request gets a name, is timed, counted and logged by its route (pure ASGI).

The name comes back as `X-Request-Id`, so that a person can quote it and the log be searched for
it. One that a proxy has given is kept if it is short and plain.
"""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.services import Services
from backend.watching.logs import REQUEST

HEADER = "X-Request-Id"
UNMATCHED = "unmatched"
QUIET = ("/healthz", "/readyz", "/metrics")  # asked every few seconds, and of no news
_PLAIN = re.compile(r"[0-9A-Za-z-]{8,64}")
_log = logging.getLogger("farz.request")


class Watch:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _name(Headers(scope=scope).get(HEADER, ""))
        token = REQUEST.set(name)
        began_s = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
                # A stream is timed to its first byte: how long somebody looks is no delay.
                _note(scope, message["status"], time.perf_counter() - began_s)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            REQUEST.reset(token)


def _note(scope: Scope, status: int, took_s: float) -> None:
    route = getattr(scope.get("route"), "path", None) or UNMATCHED
    services: Services = scope["app"].state.services
    services.metrics.took(scope["method"], route, status, took_s)
    if route in QUIET and status < 500:
        return
    about = {"method": scope["method"], "route": route, "status": status}
    told = {**about, "ms": round(took_s * 1000, 1)}
    _log.info("%(method)s %(route)s %(status)d in %(ms)s ms", told, extra=told)


def _name(given: str) -> str:
    return given if _PLAIN.fullmatch(given) else secrets.token_hex(8)
