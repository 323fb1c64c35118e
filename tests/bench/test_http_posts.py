"""The bench of one durable POST: what is answered is in the books; a wrong answer is no figure."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bench import http_posts
from bench.http_posts import DURABLE, STORELESS, Server
from farz.errors import FarzError


def test_the_durable_route_keeps_what_the_storeless_one_only_says(tmp_path: Path) -> None:
    kept = {}
    for how in (DURABLE, STORELESS):
        server = Server(tmp_path / how, how)
        server.start()
        try:
            kept[how] = server.load(0.3, 0)["statuses"]["201"]
        finally:
            server.stop()
        if how == DURABLE:
            server.check(kept[how])
            with pytest.raises(FarzError, match="are held"):
                server.check(kept[how] + 1)
        else:
            server.check(0)

    assert min(kept.values()) >= http_posts.CONNECTIONS


class _Refusing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = False

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def _refusing() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        worker = threading.Thread(target=server.serve_forever)
        worker.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            worker.join()


def test_answers_other_than_created_are_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_posts, "CONNECTIONS", 1)
    (tmp_path / "order.json").write_text('{"cookie": "c=d", "product_id": 1, "person_ids": [1]}')
    server = Server(tmp_path, DURABLE)
    with _refusing() as port:
        server.port = port

        with pytest.raises(FarzError, match="503"):
            server.load(0.2, 0)
