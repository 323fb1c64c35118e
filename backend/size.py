"""Refuses bodies larger than any honest request (pure ASGI), before they are in memory."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import TooLarge
from backend.problems import problem_response

# 500 records at their largest, in JSON, and as many messages.
BODY_MOST = 2 * 1024 * 1024


class BodyLimit:
    def __init__(self, app: ASGIApp, most: int = BODY_MOST) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._most:
            await self._refuse(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # A body without a length that grows too long ends the connection.
            return {"type": "http.disconnect"} if taken > self._most else message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        words = f"A request has at most {self._most} bytes."
        await problem_response(TooLarge(words))(scope, receive, send)
