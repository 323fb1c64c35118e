"""Says over loopback HTTP how the gateway is: GET /healthz, one JSON object of counts.

`ok` is false while something needs a person or is being waited for; `problems` says it in words.
"""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"


class HealthServer:
    def __init__(self, port: int, report: Callable[[], dict[str, Any]]) -> None:
        """Bind at once, so that `port` is known; 0 takes a free one."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/healthz":
                    self.send_error(HTTPStatus.NOT_FOUND)
                    return
                body = json.dumps(report(), sort_keys=True).encode()
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Being asked how one is needs no line in the log."""

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


def sort_tallies(tallies: dict[str, int]) -> dict[str, Any]:
    """Group counts named `outcome.credited` into {"outcome": {"credited": n}}."""
    grouped: dict[str, Any] = {"outcome": {}, "refused": {}, "dead": {}, "parked": {}}
    for name, n in tallies.items():
        group, dot, word = name.partition(".")
        if dot:
            grouped.setdefault(group, {})[word] = n
        else:
            grouped[name] = n
    return grouped
