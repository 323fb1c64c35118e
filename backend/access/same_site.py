"""Refuses writes that another site's page makes a signed-in browser send (pure ASGI).

Browsers say where a request comes from in Sec-Fetch-Site, older ones in Origin. A request with
neither comes from a program, which no other site can steer.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import CrossSite
from backend.problems import problem_response

SAFE = ("GET", "HEAD", "OPTIONS")
OURS = ("same-origin", "none")


class SameSite:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writes = scope["type"] == "http" and scope["method"] not in SAFE
        if writes and not from_here(Headers(scope=scope)):
            refusal = problem_response(CrossSite("This form belongs to another site."))
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)


def from_here(headers: Headers) -> bool:
    """Tell whether a request comes from our own pages or from a program."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in OURS
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
